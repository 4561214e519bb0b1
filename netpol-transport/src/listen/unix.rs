//! The Unix socket: its directory, its mode, and what an earlier run left behind.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Why the socket cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers on it.
    #[error("another process serves on {}; stop it, or choose another --socket", .0.display())]
    InUse(PathBuf),
    /// Something else stands at that path, and is left alone.
    #[error("{} exists and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The file system refused.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// What came of it.
        source: io::Error,
    },
}

/// Removes the socket when dropped, unless another one took its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "socket not removed");
        }
    }
}

/// Binds the socket (mode 0660), making its directory, and removing a socket on which nobody answers.
///
/// # Errors
/// When somebody answers on it, when something else stands there, or when the file system refuses.
pub fn bind_unix(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let failed = |action| {
        move |source| SocketError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        fs::create_dir_all(directory).map_err(failed("cannot make the directory of"))?;
    }
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(SocketError::NotASocket(path.to_owned()));
        }
        Ok(_) if UnixStream::connect(path).is_ok() => {
            return Err(SocketError::InUse(path.to_owned()));
        }
        Ok(_) => fs::remove_file(path).map_err(failed("cannot remove the stale"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("cannot look at")(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed("cannot bind"))?;
    fs::set_permissions(path, Permissions::from_mode(0o660))
        .map_err(failed("cannot set the mode of"))?;
    let inode = fs::symlink_metadata(path)
        .map_err(failed("cannot look at"))?
        .ino();
    Ok((
        listener,
        SocketFile {
            path: path.to_owned(),
            inode,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_directory_is_made_and_the_socket_is_the_groups() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/netpol.sock");
        let (_listener, file) = bind_unix(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660);
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("netpol.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (_listener, _file) = bind_unix(&path).unwrap();
        let error = bind_unix(&path).unwrap_err();
        assert!(matches!(error, SocketError::InUse(_)), "{error}");
        assert!(error.to_string().starts_with("another process serves on"));
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(matches!(
            bind_unix(&path).unwrap_err(),
            SocketError::NotASocket(_)
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }
}
