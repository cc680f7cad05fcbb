//! Statements that are sent together, so that a transaction of many costs two journeys and not
//! thirty, and one of a single statement costs one.
//!
//! Each of them ends the transaction if what it expects does not hold (`countersign.require`), so
//! nobody has to look at one answer before the next statement is sent, the commit included: the
//! server turns the commit of such a transaction into a rollback.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::failure::Failure;
use crate::session::{Lease, Line};

pub(crate) type Value = Box<dyn ToSql + Sync + Send>;

/// One statement's parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$(Box::new($value) as $crate::batch::Value),*]
    };
}
pub(crate) use values;

#[derive(Debug)]
struct Step {
    sql: &'static str,
    values: Vec<Value>,
}

/// Statements, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    steps: Vec<Step>,
}

impl Batch {
    pub(crate) fn add(&mut self, sql: &'static str, values: Vec<Value>) {
        self.steps.push(Step { sql, values });
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.steps.append(&mut others.steps);
    }

    /// Runs all of them in one transaction, and commits it.
    pub(crate) async fn commit(&self, mut lease: Lease) -> Result<Vec<Vec<Row>>, Failure> {
        let prepared = self.prepare(Line::Ours(lease.session()?)).await?;
        let answers = if self.steps.len() <= 1 {
            // One statement is a transaction by itself.
            self.send(lease.session()?.client(), &prepared, false).await
        } else {
            let open = Open::begin(lease).await?;
            let answers = self.send(open.client()?, &prepared, true).await;
            lease = open.end()?;
            answers
        };
        if answers.as_ref().is_err_and(Failure::spoils_the_session) {
            lease.close();
        }
        answers
    }

    /// Runs all of them in the transaction that is open on the line.
    pub(crate) async fn run(&self, line: Line<'_>) -> Result<Vec<Vec<Row>>, Failure> {
        let prepared = self.prepare(line).await?;
        self.send(&line, &prepared, false).await
    }

    async fn prepare(&self, line: Line<'_>) -> Result<Vec<Statement>, Failure> {
        let mut prepared = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            prepared.push(line.prepare(step.sql).await?);
        }
        Ok(prepared)
    }

    async fn send(
        &self,
        client: &Client,
        prepared: &[Statement],
        and_commit: bool,
    ) -> Result<Vec<Vec<Row>>, Failure> {
        let parameters: Vec<Vec<&(dyn ToSql + Sync)>> = self
            .steps
            .iter()
            .map(|step| step.values.iter().map(|value| &**value as _).collect())
            .collect();
        let mut answers: Vec<Answer<'_>> = Vec::with_capacity(prepared.len().saturating_add(1));
        for (statement, parameters) in prepared.iter().zip(&parameters) {
            answers.push(Box::pin(async move {
                Ok(client.query(statement, parameters).await?)
            }));
        }
        if and_commit {
            answers.push(Box::pin(async move {
                client.batch_execute("COMMIT").await?;
                Ok(Vec::new())
            }));
        }
        let mut rows = Vec::with_capacity(answers.len());
        let mut aftermath = None;
        for answer in in_order(answers).await {
            match answer {
                Ok(answer) => rows.push(answer),
                // Told by an earlier statement, unless somebody else's has failed before ours.
                Err(failure) if failure.is_aftermath() => aftermath = Some(failure),
                Err(failure) => return Err(failure),
            }
        }
        match aftermath {
            None => Ok(rows),
            Some(failure) => Err(failure),
        }
    }
}

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Failure>> + Send + 'a>>;

/// Sends all of them in their order, at the first poll, and waits for all answers. A client sends
/// a statement when its future is polled first, without waiting; so either all of them are on their
/// way or none.
async fn in_order(mut answers: Vec<Answer<'_>>) -> Vec<Result<Vec<Row>, Failure>> {
    let mut done: Vec<Option<Result<Vec<Row>, Failure>>> = Vec::new();
    done.resize_with(answers.len(), || None);
    std::future::poll_fn(|context| {
        let mut is_pending = false;
        for (answer, done) in answers.iter_mut().zip(&mut done) {
            if done.is_none() {
                match answer.as_mut().poll(context) {
                    Poll::Ready(answer) => *done = Some(answer),
                    Poll::Pending => is_pending = true,
                }
            }
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

const CLOSED: Failure = Failure::Unavailable("the connection was closed");

/// A transaction of ours. If it is dropped before its end, as a caller's cancellation does, the
/// connection is closed, and the server undoes it.
struct Open {
    lease: Option<Lease>,
}

impl Open {
    /// Waits until it has begun: whatever were sent before could be carried out without it.
    async fn begin(lease: Lease) -> Result<Self, Failure> {
        let open = Self { lease: Some(lease) };
        open.client()?.batch_execute("BEGIN").await?;
        Ok(open)
    }

    fn client(&self) -> Result<&Client, Failure> {
        let lease = self.lease.as_ref().ok_or(CLOSED)?;
        Ok(lease.session()?.client())
    }

    /// It was committed, or rolled back.
    fn end(mut self) -> Result<Lease, Failure> {
        self.lease.take().ok_or(CLOSED)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.close();
        }
    }
}
