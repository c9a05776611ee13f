//! Turns the window's files into Rust.

fn main() {
    // Names of elements are for tests, which are not released.
    let names = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let config = slint_build::CompilerConfiguration::new().with_style("fluent".into()).with_debug_info(names);
    // What is wrong with a file is said by the compiler itself.
    if slint_build::compile_with_config("ui/app.slint", config).is_err() {
        std::process::exit(1);
    }
}
