//! The Marine module `registry`: opens its database when it starts and exports the functions of the wire.

mod export;

fn main() {
    export::start();
}
