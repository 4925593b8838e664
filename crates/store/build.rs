//! Migrations are built into the library: without this, a new file would wait for the next change of the code.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
