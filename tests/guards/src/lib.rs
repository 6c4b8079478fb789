//! The rules of the house that the compiler does not know, as tests (`tests/guards`): which way dependencies
//! point, that template, functions and samples are one set, that nothing costs while idle, that no function
//! may more than it must, and where time, randomness and settings come from.
//!
//! Owns the rules. Refuses to know what the product does; there is nothing to call here.
