//! The authorizer of every route that needs a caller.

fn main() -> entry::Exit {
    entry::authorizer::serve()
}
