//! The rules of the house that the compiler does not know, as tests (`tests/guards`): dependencies point one
//! way; template, functions and samples are one set; nothing costs while idle; no function may do more than
//! it must; and time, randomness and settings come from one place each.
//!
//! Owns the rules. Refuses to know what the product does; there is nothing to call here.
