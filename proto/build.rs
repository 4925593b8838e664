//! Compiles the `.proto` files, with nothing to install before.

use std::error::Error;
use std::path::PathBuf;

/// Written by hand in `src/update.rs`, to see the settings that we don't have whatever their types are.
const BY_HAND: &str = ".controlplane.v1.OrganizationServiceUpdateRequest";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = "controlplane/v1";
    println!("cargo::rerun-if-changed={folder}");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
    files.sort();

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(files)?;
    let descriptors = PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(descriptors, compiler.encode_file_descriptor_set())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(BY_HAND, "crate::OrganizationServiceUpdateRequest")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
