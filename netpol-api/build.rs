//! Compiles the contract without `protoc`, into `OUT_DIR` only.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

const PROTO: &str = "netpol/observer/v1/observer.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile([PROTO], ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
