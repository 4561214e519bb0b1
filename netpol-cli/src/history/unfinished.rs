//! A file that is not whole yet: under a name of its own, beside the file whose place it will take. It goes where it never does,
//! also where a signal ends the program.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use tempfile::TempPath;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Opens one for the file of this path, with the rights that a new file gets. It is removed with its path.
///
/// # Errors
/// What the file system says, and a path that names no file.
pub(super) fn beside(path: &Path) -> io::Result<(File, TempPath)> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "names no file"))?;
    let mut prefix = name.to_owned();
    prefix.push(".");
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    // Before there is a file: no signal comes in between.
    let ending = Ending::listen()?;
    let unfinished = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .make_in(directory, |path| File::create_new(path))?;
    ending.removes(unfinished.path().to_owned());
    Ok(unfinished.into_parts())
}

/// The signals by which people and supervisors end a program.
struct Ending {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        drop(entered);
        Ok(Self {
            runtime,
            interrupt,
            terminate,
        })
    }

    /// Ends the program as shells know it of these signals, 128 and the signal's number, and removes the file before. One that has
    /// got another name stays.
    fn removes(mut self, path: PathBuf) {
        thread::spawn(move || {
            let code = self.runtime.block_on(async {
                tokio::select! {
                    _ = self.interrupt.recv() => 130,
                    _ = self.terminate.recv() => 143,
                }
            });
            // It is not there where it was finished meanwhile.
            let _ = fs::remove_file(&path);
            process::exit(code);
        });
    }
}
