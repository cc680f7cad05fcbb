//! What the stores stand on: a folder, or a server that can be killed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_testkit::postgres_cluster::{PostgresCluster, run_sql};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Failure;
use crate::place::Place;

/// The files of a SQLite database.
const FILES: [&str; 3] = ["", "-wal", "-shm"];
/// How often to look whether the processes of a server have noticed that their parent is dead.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Waits, for half a minute at most, until nobody else is connected. A backend whose client was killed
/// finishes what it was sent, a commit too.
const UNTIL_ALONE: &str = "DO $$ BEGIN
    FOR again IN 1..3000 LOOP
        PERFORM pg_stat_clear_snapshot();
        IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                AND backend_type = 'client backend' AND pid <> pg_backend_pid()) THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RAISE 'somebody is still connected';
END $$";

/// How a server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerKill {
    /// `pg_ctl stop -m immediate`.
    Immediate,
    /// SIGKILL to the postmaster.
    Postmaster,
}

/// A folder beside the program, and a cluster if there is one.
#[derive(Debug)]
pub(crate) struct Ground {
    folder: TempDir,
    cluster: Option<PostgresCluster>,
}

impl Ground {
    pub(crate) fn new(store: &str) -> Result<Self, Failure> {
        let cluster = match store {
            "sqlite" => None,
            "postgres" => Some(PostgresCluster::start()),
            other => return Err(format!("`{other}` is no store to kill").into()),
        };
        // On the disk that the program is on: a temporary folder may be in memory.
        let program = std::env::current_exe()?;
        let beside = program.parent().ok_or("a program is in a folder")?;
        let folder = tempfile::Builder::new()
            .prefix("crash-")
            .tempdir_in(beside)?;
        Ok(Self { folder, cluster })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A new store, of which the number is not used again.
    pub(crate) fn place(&self, number: u64) -> Result<Place, Failure> {
        let Some(cluster) = &self.cluster else {
            let file = self.folder().join(format!("{number}.db"));
            return Ok(Place::Sqlite(file));
        };
        let name = format!("crash_{number}");
        run_sql(&cluster.url(), &format!("CREATE DATABASE {name}"));
        let url = cluster.url().replace("/postgres?", &format!("/{name}?"));
        let place = Place::Postgres(url);
        place.migrate()?;
        Ok(place)
    }

    /// Waits until nothing that the dead began is under way.
    pub(crate) fn settle(&self, place: &Place) {
        if let Place::Postgres(url) = place {
            run_sql(url, UNTIL_ALONE);
        }
    }

    pub(crate) fn kill_server(&self, how: ServerKill) -> Result<(), Failure> {
        let cluster = self.cluster.as_ref().ok_or("there is no server to kill")?;
        match how {
            ServerKill::Immediate => cluster.kill(),
            ServerKill::Postmaster => {
                let file = std::fs::read_to_string(cluster.data().join("postmaster.pid"))?;
                let pid = file.lines().next().ok_or("no postmaster")?;
                let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
                let pid = Pid::from_raw(pid.parse()?).ok_or("no postmaster")?;
                kill_process(pid, Signal::KILL)?;
                // They hold the shared memory, and no server starts beside them.
                let is_left = |pid: &str| Path::new("/proc").join(pid).exists();
                while children.split_whitespace().any(is_left) {
                    std::thread::sleep(LOOK_AGAIN);
                }
            }
        }
        cluster.start_server();
        Ok(())
    }

    /// Brings a file back to where it was the last time, and keeps how it is now: what somebody
    /// does who restores a backup.
    pub(crate) fn set_back(&self, place: &Place) -> Result<(), Failure> {
        let Place::Sqlite(file) = place else {
            return Err("only a file can be set back".into());
        };
        let kept = self.folder().join("kept");
        let is_first = !kept.exists();
        std::fs::create_dir_all(&kept)?;
        for suffix in FILES {
            let now = PathBuf::from(format!("{}{suffix}", file.display()));
            let before = kept.join(format!("f{suffix}"));
            if is_first {
                drop(std::fs::copy(now, before));
            } else {
                let _ = std::fs::remove_file(&now);
                drop(std::fs::copy(before, now));
            }
        }
        Ok(())
    }
}
