//! A fixed number of threads for work that waits: each owns one connection.
//!
//! Not `spawn_blocking`: its queue has no end, so a slow database would turn into memory. Here a full queue is an answer,
//! "busy", before anything was decided.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::answer::Denial;

type Job<C> = Box<dyn FnOnce(&mut C) + Send>;

/// Threads that own a `C` each and take jobs in order of arrival.
pub struct Workers<C> {
    queue: SyncSender<Job<C>>,
}

impl<C: Send + 'static> Workers<C> {
    /// Starts one thread per connection, named `{name}-0`, …; at most `waiting_max` jobs wait.
    pub fn start(name: &str, connections: Vec<C>, waiting_max: usize) -> io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job<C>>(waiting_max);
        let jobs = Arc::new(Mutex::new(jobs));
        for (number, connection) in connections.into_iter().enumerate() {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || serve(&jobs, connection))?;
        }
        Ok(Workers { queue })
    }

    /// Runs `job` on one of the threads and waits for its answer without holding an async thread.
    pub async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut C) -> T + Send + 'static,
    ) -> Result<T, Denial> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(move |connection| {
            // The asker may be gone: a closed browser tab is no reason to fail.
            let _ = reply.send(job(connection));
        })?;
        // No answer means that the job panicked: our own bug, already reported by the panic hook.
        answer.await.map_err(|_| Denial::Unavailable)
    }

    /// Hands a job over whose answer no task waits for.
    pub fn hand_over(&self, job: impl FnOnce(&mut C) + Send + 'static) -> Result<(), Denial> {
        self.queue.try_send(Box::new(job)).map_err(|_| Denial::Busy)
    }
}

fn serve<C>(jobs: &Mutex<Receiver<Job<C>>>, mut connection: C) {
    loop {
        // Locked while waiting: one thread waits for the queue, the others for the lock, and each job goes to one of them.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Transactions undo themselves when a closure panics, so the connection stays good for the next job.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut connection)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn a_full_queue_is_busy_and_nothing_of_the_job_runs() {
        let workers = Workers::start("test", vec![0_u32], 1).expect("threads");
        let (started, has_started) = channel();
        let (release, may_go_on) = channel::<()>();
        workers
            .hand_over(move |_| {
                started.send(()).expect("the test listens");
                let _ = may_go_on.recv();
            })
            .expect("an idle worker takes it");
        has_started.recv().expect("the first job runs");
        workers
            .hand_over(|count| *count += 1)
            .expect("one place in the queue");
        assert_eq!(workers.hand_over(|count| *count += 100), Err(Denial::Busy));
        release.send(()).expect("the worker waits");
        // The asker finds the queue full until the second job was taken out of it.
        let seen = loop {
            match run(workers.ask(|count| *count)) {
                Err(Denial::Busy) => thread::yield_now(),
                answer => break answer,
            }
        };
        assert_eq!(seen, Ok(1));
    }

    #[test]
    fn a_job_that_panics_fails_alone() {
        let workers = Workers::start("test", vec![()], 4).expect("threads");
        let broken: Result<(), Denial> = run(workers.ask(|()| panic!("a bug of ours")));
        assert_eq!(broken, Err(Denial::Unavailable));
        assert_eq!(run(workers.ask(|()| 7)), Ok(7));
    }
}
