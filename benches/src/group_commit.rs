//! The floor of everything durable: bytes appended to one file, one `fdatasync` for all that
//! came while the last one ran.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Bytes to append, and whom to tell when they are durable.
type Request = (Vec<u8>, Sender<()>);

/// A file and the thread that alone writes to it.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// One writer's way to it.
#[derive(Debug)]
pub(crate) struct Client {
    requests: Sender<Request>,
    done: (Sender<()>, Receiver<()>),
}

impl GroupCommit {
    pub(crate) fn create(path: &Path) -> Self {
        let file = File::create(path).expect("a new file");
        let (requests, receiver) = channel();
        let thread = std::thread::spawn(move || commit(file, &receiver));
        Self {
            requests: Some(requests),
            thread: Some(thread),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            requests: self.requests.clone().expect("open until it is dropped"),
            done: channel(),
        }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the writing thread");
        }
    }
}

impl Client {
    /// Returns when `bytes` are durable.
    pub(crate) fn append(&self, bytes: Vec<u8>) {
        let (done, wait) = &self.done;
        self.requests
            .send((bytes, done.clone()))
            .expect("the writing thread");
        wait.recv().expect("the writing thread");
    }
}

/// Writes and syncs all that is there, then tells everyone.
fn commit(mut file: File, requests: &Receiver<Request>) {
    let mut buffer = Vec::new();
    while let Ok(first) = requests.recv() {
        let batch: Vec<Request> = std::iter::once(first).chain(requests.try_iter()).collect();
        buffer.clear();
        for (bytes, _) in &batch {
            buffer.extend_from_slice(bytes);
        }
        file.write_all(&buffer).expect("space on the disk");
        file.sync_data().expect("a working disk");
        for (_, done) in &batch {
            // A writer that left does not wait.
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_is_in_the_file() {
        let folder = crate::load::folder();
        let path = folder.path().join("floor");
        let floor = GroupCommit::create(&path);
        let client = floor.client();
        client.append(vec![1, 2]);
        client.append(vec![3]);
        assert_eq!(std::fs::read(&path).unwrap(), [1, 2, 3]);
        drop(client);
        drop(floor);
    }
}
