//! Prints the TypeScript types of the client protocol to standard output.
#![expect(clippy::print_stdout, reason = "printing is its job")]

fn main() {
    print!("{}", conclave_wire::typescript::module());
}
