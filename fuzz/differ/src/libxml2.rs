//! The compiled `libxml2.c` in a process of its own, asked in batches.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;

/// What stands for "none" in place of a number.
const NONE: u32 = u32::MAX;
/// What stands for [`Answer::Odd`] in place of a length.
const ODD: u32 = u32::MAX - 1;

/// How libxml2 calls the methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Inclusive1_0 = 0,
    Exclusive = 1,
    Inclusive1_1 = 2,
}

/// One canonical form to be made. Elements are counted in document order from 0.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) apex: usize,
    pub(crate) omit: Option<usize>,
    pub(crate) mode: Mode,
    pub(crate) comments: bool,
    pub(crate) prefix_list: String,
}

/// A batch of documents with their jobs, as the process reads it.
#[derive(Debug, Default)]
pub(crate) struct Batch(Vec<u8>);

impl Batch {
    pub(crate) fn push<'j>(
        &mut self,
        document: &[u8],
        jobs: impl ExactSizeIterator<Item = &'j Job>,
    ) -> Result<(), Failure> {
        self.bytes(document)?;
        self.number(jobs.len())?;
        for job in jobs {
            self.number(job.apex)?;
            match job.omit {
                Some(omit) => self.number(omit)?,
                None => self.0.extend(NONE.to_le_bytes()),
            }
            self.number(job.mode as usize)?;
            self.number(usize::from(job.comments))?;
            self.bytes(job.prefix_list.as_bytes())?;
        }
        Ok(())
    }

    fn number(&mut self, number: usize) -> Result<(), Failure> {
        self.0.extend(u32::try_from(number)?.to_le_bytes());
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.number(bytes.len())?;
        self.0.extend(bytes);
        Ok(())
    }
}

/// The answers to a batch, one after the other.
#[derive(Debug)]
pub(crate) struct Answers(std::io::Cursor<Vec<u8>>);

impl Answers {
    /// Whether the next document is well-formed, with namespaces and without a DTD.
    pub(crate) fn is_accepted(&mut self) -> Result<bool, Failure> {
        Ok(self.number()? == 1)
    }

    /// The answer to the next job of an accepted document.
    pub(crate) fn form(&mut self) -> Result<Answer, Failure> {
        match self.number()? {
            NONE => Ok(Answer::Refused),
            ODD => Ok(Answer::Odd),
            length => {
                let mut form = vec![0; usize::try_from(length)?];
                self.0.read_exact(&mut form)?;
                Ok(Answer::Form(form))
            }
        }
    }

    fn number(&mut self) -> Result<u32, Failure> {
        let mut bytes = [0; 4];
        self.0.read_exact(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
}

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The canonical form.
    Form(Vec<u8>),
    /// There is none.
    Refused,
    /// A namespace is declared whose URI libxml2 can not read or does not escape: nothing to
    /// compare with.
    Odd,
}

/// The running process.
#[derive(Debug)]
pub(crate) struct Libxml2 {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl Libxml2 {
    pub(crate) fn start(program: &Path) -> Result<Self, Failure> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let questions = child.stdin.take().ok_or("no standard input")?;
        let answers = child.stdout.take().ok_or("no standard output")?;
        Ok(Self {
            child,
            questions,
            answers,
        })
    }

    /// Sends a batch. Its answers are to be [received](Self::receive) before the next is sent.
    pub(crate) fn send(&mut self, batch: &Batch) -> Result<(), Failure> {
        let length = u32::try_from(batch.0.len())?;
        self.questions.write_all(&length.to_le_bytes())?;
        self.questions.write_all(&batch.0)?;
        self.questions.flush()?;
        Ok(())
    }

    pub(crate) fn receive(&mut self) -> Result<Answers, Failure> {
        let mut length = [0; 4];
        self.answers.read_exact(&mut length)?;
        let mut answers = vec![0; usize::try_from(u32::from_le_bytes(length))?];
        self.answers.read_exact(&mut answers)?;
        Ok(Answers(std::io::Cursor::new(answers)))
    }

    pub(crate) fn stop(self) -> Result<(), Failure> {
        let Self {
            mut child,
            questions,
            ..
        } = self;
        drop(questions);
        let status = child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("libxml2.c: {status}").into())
        }
    }
}
