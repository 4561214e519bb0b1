//! A named network namespace that goes away with its value.

use std::fs::{self, File};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use crate::record::{self, Resource};
use crate::{Error, Result, command, readiness};

/// A network namespace of ours, known to `ip netns` by name.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    /// Makes a namespace with exactly this name and brings its loopback up.
    ///
    /// # Errors
    /// When the name is taken or the caller is not root.
    pub fn create(name: &str) -> Result<Self> {
        let resource = Resource::Namespace(name.to_owned());
        let path = path_of(name);
        if path.exists() {
            // Somebody else's: it must not enter our record.
            return Err(Error::io(format!("create network namespace {name}"))(
                std::io::ErrorKind::AlreadyExists.into(),
            ));
        }
        record::add(&resource)?;
        let made = command::output(Command::new("ip").args(["netns", "add", name]));
        if let Err(error) = made {
            record::forget(&resource);
            return Err(error);
        }
        let handle = File::open(&path).map_err(Error::io(format!("open {}", path.display())))?;
        let namespace = Self {
            name: name.to_owned(),
            handle,
        };
        namespace.ip(["link", "set", "lo", "up"])?;
        // A link-local address under duplicate address detection solicits no neighbours for a second.
        namespace.sysctl("ipv6/conf/all/accept_dad", "0")?;
        namespace.sysctl("ipv6/conf/default/accept_dad", "0")?;
        Ok(namespace)
    }

    /// Makes a namespace named `PREFIX-PID-N`, unique on this machine.
    ///
    /// # Errors
    /// As [`Namespace::create`].
    pub fn unique(prefix: &str) -> Result<Self> {
        Self::create(&unique_name(prefix))
    }

    /// Name as `ip netns` lists it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Inode number, by which the kernel and `lsns` know it.
    ///
    /// # Errors
    /// When the namespace's file cannot be examined.
    pub fn inode(&self) -> Result<u64> {
        let metadata = self.handle.metadata();
        metadata
            .map(|found| found.ino())
            .map_err(Error::io(format!("stat {}", self.name)))
    }

    /// Runs `work` on a thread of its own inside this namespace and returns what it returned.
    /// Sockets opened there stay in the namespace wherever they are used later.
    ///
    /// # Panics
    /// When `work` does, with its panic; when this namespace cannot be entered (the caller is not
    /// root: [`Namespace::create`] would have failed before).
    pub fn run_in<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                enter(&self.handle, &self.name);
                work()
            });
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts `work` on a thread of its own inside this namespace.
    ///
    /// # Errors
    /// When the namespace's file cannot be duplicated for the thread.
    pub fn spawn_in<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>> {
        let handle = self
            .handle
            .try_clone()
            .map_err(Error::io(format!("dup {}", self.name)))?;
        let name = self.name.clone();
        Ok(std::thread::spawn(move || {
            enter(&handle, &name);
            work()
        }))
    }

    /// Starts `command` inside this namespace: a child inherits the namespace of the thread that
    /// starts it. Mounts stay the caller's, so `/sys/class/net` shows the caller's interfaces.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn spawn(&self, command: &mut Command) -> Result<Child> {
        self.run_in(|| command.spawn())
            .map_err(|source| Error::Start {
                program: command.get_program().to_string_lossy().into_owned(),
                source,
            })
    }

    /// Runs `command` inside this namespace to its end; returns its standard output.
    ///
    /// # Errors
    /// As [`command::output`].
    pub fn exec(&self, command: &mut Command) -> Result<String> {
        self.run_in(|| command::output(command))
    }

    /// Like [`Namespace::exec`], with `input` on standard input.
    ///
    /// # Errors
    /// As [`command::output`].
    pub fn exec_with_input(&self, command: &mut Command, input: &str) -> Result<String> {
        self.run_in(|| command::output_with_input(command, input))
    }

    /// Runs `ip ARGUMENTS` inside this namespace.
    ///
    /// # Errors
    /// As [`command::output`].
    pub fn ip<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<String> {
        self.exec(Command::new("ip").args(arguments))
    }

    /// Runs many `ip` commands, one a line, in one process.
    ///
    /// # Errors
    /// The first line that fails, with its number.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        self.exec_with_input(Command::new("ip").args(["-batch", "-"]), lines)
            .map(drop)
    }

    /// Sets `/proc/sys/net/KEY` of this namespace, such as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// When the kernel has no such setting or refuses the value.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{key}");
        self.run_in(|| fs::write(&path, value))
            .map_err(Error::io(format!("set {path}={value}")))
    }

    /// Index of the interface with this name in this namespace.
    ///
    /// # Errors
    /// When there is none.
    pub fn interface_index(&self, interface: &str) -> Result<u32> {
        self.run_in(|| nix::net::if_::if_nametoindex(interface))
            .map_err(std::io::Error::from)
            .map_err(Error::io(format!("index of {interface} in {}", self.name)))
    }

    /// Hardware address of the interface with this name in this namespace.
    ///
    /// # Errors
    /// When there is no such interface, or it has no hardware address.
    pub fn mac_address(&self, interface: &str) -> Result<[u8; 6]> {
        let listing = self.ip(["-o", "link", "show", "dev", interface])?;
        let text = listing
            .split_once("link/ether ")
            .map_or("", |(_, rest)| rest);
        let bytes: Vec<u8> = text
            .split([':', ' '])
            .map_while(|byte| u8::from_str_radix(byte, 16).ok())
            .take(6)
            .collect();
        bytes.try_into().map_err(|_| {
            Error::io(format!("hardware address of {interface}"))(
                std::io::ErrorKind::InvalidData.into(),
            )
        })
    }

    /// Names of the interfaces here, in the order of their indices.
    ///
    /// # Errors
    /// When the kernel does not list them.
    pub fn interfaces(&self) -> Result<Vec<String>> {
        let listing = self.ip(["-o", "link"])?;
        Ok(listing
            .lines()
            .filter_map(|line| line.split(": ").nth(1))
            .map(|name| name.split('@').next().unwrap_or(name).to_owned())
            .collect())
    }

    /// Waits until each of these interfaces, which are up at both ends, carries packets in both families.
    ///
    /// # Errors
    /// [`Error::NotReady`] for the first that does not within 10 s.
    pub fn wait_until_ready(&self, interfaces: &[&str]) -> Result<()> {
        readiness::wait(self, interfaces)
    }

    /// Adds `address` to an interface, for IPv6 without duplicate address detection.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn add_address(&self, interface: &str, address: IpAddr, length: u8) -> Result<()> {
        let address = format!("{address}/{length}");
        let nodad = if address.contains(':') {
            &["nodad"][..]
        } else {
            &[]
        };
        self.ip(["addr", "add", &address, "dev", interface]
            .into_iter()
            .chain(nodad.iter().copied()))
            .map(drop)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let removed = command::output(Command::new("ip").args(["netns", "del", &self.name]));
        match removed {
            Ok(_) => record::forget(&Resource::Namespace(self.name.clone())),
            // It stays in the record, for the next sweep.
            Err(error) => eprintln!("network namespace {} is left behind: {error}", self.name),
        }
    }
}

/// `PREFIX-PID-N`: not given to anybody else on this machine while this process lives.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "{prefix}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

fn path_of(name: &str) -> PathBuf {
    PathBuf::from("/run/netns").join(name)
}

fn enter(handle: &File, name: &str) {
    if let Err(error) = setns(handle, CloneFlags::CLONE_NEWNET) {
        panic!("cannot enter network namespace {name}: {error}");
    }
}
