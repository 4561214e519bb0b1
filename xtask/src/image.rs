//! `cargo xtask image`: the container image as an OCI archive, made by the builder at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anstream::println;
use anyhow::{Context, Result, bail};
use netpol_testkit::{artifact, command};

use crate::{cargo, console};

/// Where the image is described, from the root of the workspace.
const DOCKERFILE: &str = "deploy/image/Dockerfile";
/// What the build does not get to see.
const IGNORED: &str = "deploy/image/Dockerfile.dockerignore";

/// Options of `cargo xtask image`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the image; the manifests in deploy/kubernetes name the default
    #[arg(long, default_value = "localhost/netpol:dev")]
    tag: String,
    /// Where the archive goes [default: image/netpol.tar in the target directory]
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// For which platform, such as linux/arm64 [default: this machine's]
    #[arg(long)]
    platform: Option<String>,
}

/// A program that builds images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Builder {
    Docker,
    Podman,
    Buildah,
}

/// What was found of them.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    docker: bool,
    /// Docker is but a client of this.
    docker_daemon: bool,
    podman: bool,
    buildah: bool,
}

/// Builds the image and writes its archive.
pub(crate) fn run(options: &Options) -> Result<()> {
    let builder = choose(Found::look())?;
    let archive = options
        .archive
        .clone()
        .unwrap_or_else(|| artifact::target_directory().join("image/netpol.tar"));
    // The commands run in the root of the workspace.
    let archive = std::path::absolute(archive)?;
    if let Some(directory) = archive.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    // Builders add to an archive that is there, or refuse to.
    if archive.exists() {
        fs::remove_file(&archive)
            .with_context(|| format!("cannot replace {}", archive.display()))?;
    }
    for line in lines(builder, options, &revision(), &archive) {
        println!("{}", console::bold(&line.join(" ")));
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(artifact::workspace());
        cargo::run(&mut command)?;
    }
    println!("{} is in {}", options.tag, archive.display());
    Ok(())
}

impl Found {
    fn look() -> Self {
        let docker = command::exists("docker");
        Self {
            docker,
            docker_daemon: docker && command::output(Command::new("docker").arg("info")).is_ok(),
            podman: command::exists("podman"),
            buildah: command::exists("buildah"),
        }
    }
}

fn choose(found: Found) -> Result<Builder> {
    match found {
        Found {
            docker_daemon: true,
            ..
        } => Ok(Builder::Docker),
        Found { podman: true, .. } => Ok(Builder::Podman),
        Found { buildah: true, .. } => Ok(Builder::Buildah),
        _ => {
            let docker = if found.docker {
                " (there is a docker, but no daemon answers it)"
            } else {
                ""
            };
            bail!(
                "nothing here builds images{docker}: install docker, podman or buildah; on Debian and Ubuntu \
                 `apt-get install buildah`, which needs no daemon"
            )
        }
    }
}

/// The commit that is built, for the image's label; `-dirty` where files differ from it.
fn revision() -> String {
    let mut git = Command::new("git");
    git.args([
        "describe",
        "--always",
        "--abbrev=40",
        "--exclude=*",
        "--dirty",
    ])
    .current_dir(artifact::workspace());
    // Sources without their history, or no git.
    command::output(&mut git).map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The commands, in order: one builds the image, one writes the archive.
fn lines(builder: Builder, options: &Options, revision: &str, archive: &Path) -> [Vec<String>; 2] {
    let version = concat!("VERSION=", env!("CARGO_PKG_VERSION"));
    let revision = format!("REVISION={revision}");
    let tag = options.tag.as_str();
    let archive = archive.display().to_string();
    let program = match builder {
        Builder::Docker => "docker",
        Builder::Podman => "podman",
        Builder::Buildah => "buildah",
    };
    let mut build = vec![program, "build", "--file", DOCKERFILE, "--tag", tag];
    if builder != Builder::Docker {
        // Docker finds it by its name.
        build.extend(["--ignorefile", IGNORED]);
    }
    if let Some(platform) = &options.platform {
        build.extend(["--platform", platform]);
    }
    build.extend(["--build-arg", version, "--build-arg", &revision, "."]);
    let destination = format!("oci-archive:{archive}:{tag}");
    let save = match builder {
        // An OCI layout since Docker 25; both kind and containerd read its older format too.
        Builder::Docker => vec![program, "save", "--output", &archive, tag],
        Builder::Podman => {
            let format = ["--format", "oci-archive"];
            [
                &[program, "save"],
                &format[..],
                &["--output", &archive, tag],
            ]
            .concat()
        }
        Builder::Buildah => vec![program, "push", tag, &destination],
    };
    [build, save].map(|line| line.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(platform: Option<&str>) -> Options {
        Options {
            tag: "localhost/netpol:dev".to_owned(),
            archive: None,
            platform: platform.map(str::to_owned),
        }
    }

    #[test]
    fn a_docker_without_daemon_is_no_builder() {
        let docker = Found {
            docker: true,
            ..Found::default()
        };
        let error = choose(docker).unwrap_err().to_string();
        assert!(error.contains("no daemon answers"), "{error}");
        assert!(error.contains("apt-get install buildah"), "{error}");
        let buildah = Found {
            buildah: true,
            ..docker
        };
        assert_eq!(choose(buildah).unwrap(), Builder::Buildah);
        let daemon = Found {
            docker_daemon: true,
            ..buildah
        };
        assert_eq!(choose(daemon).unwrap(), Builder::Docker);
    }

    #[test]
    fn each_builder_is_asked_in_its_own_way() {
        let archive = Path::new("/a/netpol.tar");
        let lines = |builder, platform| {
            lines(builder, &options(platform), "abc", archive).map(|line| line.join(" "))
        };
        let [build, save] = lines(Builder::Buildah, Some("linux/arm64"));
        assert_eq!(
            build,
            "buildah build --file deploy/image/Dockerfile --tag localhost/netpol:dev \
             --ignorefile deploy/image/Dockerfile.dockerignore --platform linux/arm64 \
             --build-arg VERSION=0.1.0 --build-arg REVISION=abc ."
        );
        assert_eq!(
            save,
            "buildah push localhost/netpol:dev oci-archive:/a/netpol.tar:localhost/netpol:dev"
        );
        let [build, save] = lines(Builder::Docker, None);
        assert!(!build.contains("ignorefile"), "{build}");
        assert_eq!(
            save,
            "docker save --output /a/netpol.tar localhost/netpol:dev"
        );
        let [_, save] = lines(Builder::Podman, None);
        assert_eq!(
            save,
            "podman save --format oci-archive --output /a/netpol.tar localhost/netpol:dev"
        );
    }

    #[test]
    fn what_the_builders_are_told_of_exists() {
        for path in [DOCKERFILE, IGNORED] {
            assert!(artifact::workspace().join(path).is_file(), "{path}");
        }
    }

    /// A crate that the ignore file leaves out is missed by the build in the container alone.
    #[test]
    fn the_build_sees_every_member_of_the_workspace() {
        let read = |path: &str| fs::read_to_string(artifact::workspace().join(path)).unwrap();
        let manifest = read("Cargo.toml");
        let (_, members) = manifest.split_once("members = [").unwrap();
        let (members, _) = members.split_once(']').unwrap();
        let members: Vec<&str> = members.split('"').skip(1).step_by(2).collect();
        assert!(members.contains(&"netpol-relay"), "{members:?}");
        let ignored = read(IGNORED);
        for member in members {
            let line = format!("!{member}");
            assert!(ignored.lines().any(|one| one == line), "{line}");
        }
    }
}
