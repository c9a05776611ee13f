//! Turns the window's files into Rust, where the window is built.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "window")]
    {
        let config = slint_build::CompilerConfiguration::new().with_style("fluent".into());
        // What is wrong with a file is said by the compiler itself.
        if slint_build::compile_with_config("src/window/view/app.slint", config).is_err() {
            std::process::exit(1);
        }
    }
}
