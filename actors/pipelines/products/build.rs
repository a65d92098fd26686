//! A new migration is a new file, which the compiler cannot know of.

fn main() {
    println!("cargo:rerun-if-changed=../../../schema/products/migrations");
}
