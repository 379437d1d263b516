//! The runtime behind the blocking calls.

use std::future::Future;
use std::num::NonZero;
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// Threads beyond which signing and copying are not the limit.
const THREADS_MAX: usize = 4;

/// A runtime of a few threads.
#[derive(Debug)]
pub(crate) struct Workers {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Workers {
    /// Starts the threads; `on_thread_start` runs on each of them.
    pub(crate) fn start(on_thread_start: Option<fn()>) -> std::io::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(cores.clamp(2, THREADS_MAX)).thread_name("exuvia-s3").enable_all();
        if let Some(run) = on_thread_start {
            builder.on_thread_start(run);
        }
        Ok(Self { runtime: Some(builder.build()?) })
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("the runtime is there until it is dropped")
    }

    /// Runs `future` to its end while the calling thread waits, which may belong to any runtime.
    ///
    /// `None` if it panicked.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.spawn(async move {
            // The receiver waits below, so the answer is taken.
            let _ = answer.send(future.await);
        });
        answered.recv().ok()
    }

    /// Runs `future` beside the calling thread.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.runtime().spawn(future)
    }
}

impl Drop for Workers {
    /// Does not wait: the last handle may be dropped on a thread that must not block.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
