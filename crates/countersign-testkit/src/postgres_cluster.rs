//! A PostgreSQL cluster for tests, thrown away at their end.
//!
//! It is made from the installed server's programs, listens on a socket in a folder of its own,
//! and writes to the disk as a real one does (`fsync` is on). Whatever becomes of the process that
//! started it, a small shell waits for that process to end, stops the server and removes the
//! folder.
//!
//! A test that needs it carries `#[ignore = "runs initdb and pg_ctl; cargo xtask test runs it"]`
//! and lives in an integration test named `external`. `cargo xtask test` starts one cluster for
//! all of them and names it in `COUNTERSIGN_POSTGRES`; without that variable a test process starts
//! its own.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where Debian keeps the programs of each version, outside of `PATH`.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Who may run a server in the place of root, which may not.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// How often, and after which pauses, a server is started again that does not start at once.
const START_AGAIN: u32 = 50;
const START_PAUSE: Duration = Duration::from_millis(200);

/// Enough for several nodes under load.
const MAX_CONNECTIONS: &str = "max_connections=300";

/// A server of its own, for tests that stop it or kill it.
#[derive(Debug)]
pub struct PostgresCluster {
    programs: PathBuf,
    /// The socket, and what was said.
    folder: PathBuf,
    data: PathBuf,
    run_as: Option<Account>,
    watchdog: Child,
    /// Closed when this process ends, however it does: what the watchdog waits for.
    alive: Option<ChildStdin>,
}

/// An account of the operating system.
#[derive(Debug, Clone, Copy)]
struct Account {
    user: u32,
    group: u32,
}

/// Waits for the end of its input, then stops the server and removes its folder.
const WATCHDOG: &str = r#"cat >/dev/null
"$1/pg_ctl" -D "$3" -m immediate -w stop >/dev/null 2>&1
rm -rf "$2" "$3""#;

impl PostgresCluster {
    /// Makes a cluster and starts its server.
    ///
    /// # Panics
    /// If there is no server to run; the message says what to install.
    #[must_use]
    #[allow(
        clippy::panic,
        reason = "called by tests only; without a server they have to fail"
    )]
    pub fn start() -> Self {
        Self::start_on(&std::env::temp_dir())
    }

    /// The same, with its files in a new folder of `parent`: that of temporary files may be in
    /// memory, where nothing is ever synced.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    #[allow(
        clippy::panic,
        reason = "called by tests only; without a server they have to fail"
    )]
    pub fn start_on(parent: &Path) -> Self {
        match Self::try_start(parent) {
            Ok(cluster) => cluster,
            Err(error) => panic!("no PostgreSQL cluster: {error}"),
        }
    }

    fn try_start(parent: &Path) -> io::Result<Self> {
        let programs = programs()?;
        let run_as = if is_root()? {
            Some(unprivileged()?)
        } else {
            None
        };
        // The path of a socket may have 107 bytes: that of temporary files is short.
        let folder = new_folder(&std::env::temp_dir(), run_as)?;
        let data = new_folder(parent, run_as)?;
        let mut watchdog = program(Path::new("sh"), run_as);
        watchdog.args(["-c", WATCHDOG, "watchdog"]);
        watchdog.arg(&programs).arg(&folder).arg(&data);
        let mut watchdog = watchdog
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A signal to the tests' group, such as Ctrl-C, is not for it: it ends after them.
            .process_group(0)
            .spawn()?;
        let cluster = Self {
            alive: watchdog.stdin.take(),
            programs,
            folder,
            data,
            run_as,
            watchdog,
        };
        cluster.run(
            "initdb",
            [
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
            ],
        )?;
        cluster.try_start_server()?;
        Ok(cluster)
    }

    /// Starts the server again after [`kill`](Self::kill) or [`stop`](Self::stop), and waits until
    /// it accepts connections.
    ///
    /// The backends of a server that was killed by a signal outlive it for a moment, and no other
    /// starts as long as they hold its memory; so it is tried for some ten seconds.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start_server(&self) {
        let started = try_again(|| self.try_start_server(), || thread::sleep(START_PAUSE));
        expect("start", started);
    }

    fn try_start_server(&self) -> io::Result<()> {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c {MAX_CONNECTIONS}",
            self.folder.display()
        );
        let log = self.folder.join("log");
        self.run(
            "pg_ctl",
            [
                OsStr::new("-w"),
                "-t".as_ref(),
                "60".as_ref(),
                "-o".as_ref(),
                options.as_ref(),
                "-l".as_ref(),
                log.as_os_str(),
                "start".as_ref(),
            ],
        )
    }

    /// Stops the server at once, as a crash of the machine would: what was not committed is gone,
    /// and it recovers when it is started again.
    ///
    /// # Panics
    /// If it can not be stopped.
    pub fn kill(&self) {
        expect(
            "kill",
            self.run("pg_ctl", ["-m", "immediate", "-w", "stop"]),
        );
    }

    /// Stops the server in good order.
    ///
    /// # Panics
    /// If it can not be stopped.
    pub fn stop(&self) {
        expect("stop", self.run("pg_ctl", ["-m", "fast", "-w", "stop"]));
    }

    /// How to reach its database `postgres` as the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "postgresql:///postgres?host={}&user=postgres",
            self.folder.display()
        )
    }

    /// Where the server keeps its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// Runs one of the server's programs on the cluster's data.
    fn run(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> io::Result<()> {
        let mut command = program(&self.programs.join(name), self.run_as);
        // The server that `pg_ctl` starts would keep a pipe open, so what is said goes to a file.
        let said = self.folder.join(format!("{name}.out"));
        let out = fs::File::create(&said)?;
        command
            .env("PGDATA", &self.data)
            .env("LC_ALL", "C")
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out);
        if command.status()?.success() {
            return Ok(());
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let said = fs::read_to_string(&said).unwrap_or_default();
        Err(io::Error::other(format!("{name} failed: {said}\n{log}")))
    }
}

impl Drop for PostgresCluster {
    fn drop(&mut self) {
        drop(self.alive.take());
        let _ = self.watchdog.wait();
    }
}

/// A new, empty database in the cluster of the tests; how to reach it as the superuser.
///
/// # Panics
/// If there is no server to run; the message says what to install.
#[must_use]
pub fn fresh_database() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    let name = format!("test_{}_{}_{number}", process::id(), nanos());
    let server = shared_cluster();
    // Copied as files: with nothing written to it, a new database costs the least that way.
    run_sql(
        server,
        &format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"),
    );
    server.replace("/postgres?", &format!("/{name}?"))
}

/// Runs statements by `psql`, as another program would.
///
/// # Panics
/// If one of them fails.
pub fn run_sql(url: &str, statements: &str) {
    let run = || {
        let mut psql = Command::new(programs()?.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url])
            .args(["-c", statements])
            .stdin(Stdio::null());
        let output = psql.output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(said))
    };
    expect("psql", run());
}

/// The cluster that `COUNTERSIGN_POSTGRES` names, or one of this process.
fn shared_cluster() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    static OWN: OnceLock<PostgresCluster> = OnceLock::new();
    URL.get_or_init(|| match std::env::var("COUNTERSIGN_POSTGRES") {
        Ok(url) => url,
        // It is never dropped; the end of the process ends it.
        Err(_) => OWN.get_or_init(PostgresCluster::start).url(),
    })
}

#[allow(
    clippy::panic,
    reason = "called by tests only; a server that does not obey has to fail them"
)]
fn expect(doing: &str, outcome: io::Result<()>) {
    if let Err(error) = outcome {
        panic!("{doing}: {error}");
    }
}

/// Tries until it works, or [`START_AGAIN`] times more; `pause` comes before each of these.
fn try_again(mut attempt: impl FnMut() -> io::Result<()>, pause: impl Fn()) -> io::Result<()> {
    let mut outcome = attempt();
    for _ in 0..START_AGAIN {
        if outcome.is_ok() {
            break;
        }
        pause();
        outcome = attempt();
    }
    outcome
}

fn program(path: &Path, run_as: Option<Account>) -> Command {
    let mut command = Command::new(path);
    if let Some(account) = run_as {
        command.uid(account.user).gid(account.group);
    }
    command
}

/// The folder of `initdb`: that of the newest version, or one of `PATH`.
fn programs() -> io::Result<PathBuf> {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let numbered = versions.filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        Some((number, version.path().join("bin")))
    });
    let newest = numbered
        .filter(|(_, folder)| folder.join("initdb").exists())
        .max();
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .find(|folder| folder.join("initdb").exists())
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "initdb is not installed; on Debian or Ubuntu run: apt-get install postgresql",
            )
        })
}

fn is_root() -> io::Result<bool> {
    let id = Command::new("id").arg("-u").output()?;
    Ok(id.stdout.trim_ascii() == b"0")
}

fn unprivileged() -> io::Result<Account> {
    let accounts = fs::read_to_string("/etc/passwd")?;
    let account = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut columns = line.split(':');
            (columns.next()? == name).then_some(())?;
            let mut numbers = columns.skip(1).map(|column| column.parse().ok());
            Some(Account {
                user: numbers.next()??,
                group: numbers.next()??,
            })
        })
    };
    UNPRIVILEGED
        .iter()
        .find_map(|name| account(name))
        .ok_or_else(|| io::Error::other("root may not run a server, and nobody else is known"))
}

/// A folder that only its owner may enter.
fn new_folder(parent: &Path, owner: Option<Account>) -> io::Result<PathBuf> {
    let name = format!("countersign-pg-{}-{}", process::id(), nanos());
    let folder = parent.join(name);
    fs::create_dir(&folder)?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
    if let Some(account) = owner {
        chown(&folder, Some(account.user), Some(account.group))?;
    }
    Ok(folder)
}

/// What keeps two runs with one process id apart.
#[allow(
    clippy::disallowed_methods,
    reason = "a name that was not there before; nothing is decided by it"
)]
fn nanos() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// How often it was tried and waited for, until it worked the `works`-th time, and whether it did.
    fn tried(works: u32) -> (u32, u32, bool) {
        let (attempts, pauses) = (Cell::new(0_u32), Cell::new(0_u32));
        let attempt = || {
            attempts.set(attempts.get().saturating_add(1));
            match attempts.get() == works {
                true => Ok(()),
                false => Err(io::Error::other("its memory is still held")),
            }
        };
        let outcome = try_again(attempt, || pauses.set(pauses.get().saturating_add(1)));
        (attempts.get(), pauses.get(), outcome.is_ok())
    }

    #[test]
    fn a_server_that_does_not_start_at_once_is_started_again_until_it_does() {
        assert_eq!(tried(1), (1, 0, true));
        assert_eq!(tried(3), (3, 2, true));
        assert_eq!(tried(START_AGAIN + 1), (START_AGAIN + 1, START_AGAIN, true));
    }

    #[test]
    fn a_server_that_never_starts_is_given_up() {
        assert_eq!(
            tried(START_AGAIN + 2),
            (START_AGAIN + 1, START_AGAIN, false)
        );
    }
}
