//! Why a figure could not be measured.

/// A benchmark that failed says nothing about speed, so nothing is measured on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("the SFU did not start: {0}")]
    Start(#[from] conclave_sfu::StartError),
    #[error("{0}: {1}")]
    System(&'static str, #[source] std::io::Error),
    #[error("the cipher refused to work")]
    Cipher,
    #[error("the clients have no keys or credentials: {0}")]
    Client(&'static str),
    #[error("the SFU refused an offer: {0:?}")]
    Refused(conclave_wire::ErrorCode),
    #[error("the SFU's answer: {0}")]
    Answer(#[from] conclave_light::AnswerError),
    #[error("the SFU is gone")]
    Gone,
    #[error("waited too long for {0}")]
    Patience(&'static str),
    #[error("the CPU time of thread {0} cannot be read")]
    Clock(&'static str),
}
