//! `conclave-loadtest join`: one bot that stays in a room until somebody ends it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use conclave_e2ee::{Codec, Context};
use rand::Rng as _;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::http::Server;
use crate::light::{Decrypt, LightConfig, LightEngine, SendTrack, Source, Speech};
use crate::measure::Measures;
use crate::measure::kinds::Kind;
use crate::participant::{self, Config, LightKit, Making, Order, Part, ParticipantError};
use crate::room::Room;
use crate::source::clip::Clip;
use crate::source::sound;

const EXAMPLES: &str = "\
The link must be quoted, for a shell takes # as a comment.

Examples:
  conclave-loadtest join 'http://localhost:8080/r/ROOM#SECRET'                     speaks with a hummed voice and shows a clip
  conclave-loadtest join LINK --tone 440 --name 'Tuning fork'                      a tone, no picture
  conclave-loadtest join LINK --wav speech.wav --clip cat.ivf                      a sound file and a video file, over and over
  conclave-loadtest join LINK --listen                                            hears and sees everybody, sends nothing

A clip is an IVF file of VP8 or VP9: ffmpeg -i cat.mp4 -c:v libvpx -b:v 500k -an cat.ivf";

/// Between two tries to come back after the connection broke.
const AGAIN: Duration = Duration::from_secs(2);
/// Length of a tone's loop.
const TONE: Duration = Duration::from_secs(10);

/// Sends one bot into a room; it stays until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct JoinArguments {
    /// The link of the room, as a person gets it.
    link: String,
    /// Its name.
    #[arg(long, default_value = "Bot")]
    name: String,
    /// Show this IVF file (VP8 or VP9), over and over.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Sound a tone.
    #[arg(long, value_name = "HZ", value_parser = parse_pitch, conflicts_with = "wav")]
    tone: Option<f64>,
    /// Play this WAV file, over and over.
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// Send nothing.
    #[arg(long, conflicts_with_all = ["clip", "tone", "wav"])]
    listen: bool,
}

/// Stays in the room until Ctrl-C; an error says in one line why it could not. `say` writes a line to stderr.
pub(super) async fn run(arguments: JoinArguments, say: fn(&str)) -> Result<(), String> {
    let room = Room::parse(&arguments.link).map_err(|error| error.to_string())?;
    let server = Server::parse(&arguments.link).map_err(|error| error.to_string())?;
    let tracks = tracks(&arguments)?;
    let measures = Arc::new(Measures::default());
    let engine = LightEngine::start(&LightConfig::default()).map_err(|error| error.to_string())?;
    let config = Config {
        server,
        room,
        index: 0,
        client_id: rand::rng().random(),
        name: arguments.name.clone(),
        is_host: false,
        video: Codec::Vp8,
        part: Part::LISTENER,
        making: Making::Light(LightKit {
            engine,
            decrypt: Decrypt::All,
            tracks: Some(tracks),
        }),
        relief: None,
        detour: None,
        measures: Arc::clone(&measures),
    };
    let (orders, receiver) = watch::channel(Order::Stay);
    let leaving = async {
        // Without signals it stays for ever.
        if tokio::signal::ctrl_c().await.is_ok() {
            orders.send_replace(Order::Leave);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = stay(&config, receiver, say) => ended,
        () = tell_how_it_goes(&measures, &arguments.name, say) => Ok(()),
        () = leaving => Ok(()),
    }
}

/// Comes back whenever the connection breaks after it was in; what is refused at the door is an error.
async fn stay(config: &Config, orders: watch::Receiver<Order>, say: fn(&str)) -> Result<(), String> {
    loop {
        let before = config.measures.kinds.of(Kind::Light).joined.value();
        // The server knows the one who broke off for a while.
        let config = Config {
            client_id: rand::rng().random(),
            ..config.clone()
        };
        match participant::run(config.clone(), orders.clone()).await {
            Ok(()) => return Ok(()),
            Err(error @ (ParticipantError::Refused(_) | ParticipantError::Removed)) => {
                return Err(error.to_string());
            }
            Err(error) if config.measures.kinds.of(Kind::Light).joined.value() == before => {
                return Err(error.to_string());
            }
            Err(error) => say(&format!("{error}; coming back")),
        }
        sleep(AGAIN).await;
    }
}

async fn tell_how_it_goes(measures: &Measures, name: &str, say: fn(&str)) {
    let mut known = (0, 0);
    loop {
        sleep(Duration::from_millis(500)).await;
        let now = (measures.kinds.joined(), measures.problem_count());
        if now.0 > known.0 {
            say(&format!("{name} is in the call; Ctrl-C ends it"));
        }
        if now.1 > known.1
            && let Some(problem) = measures.problems().last()
        {
            say(problem);
        }
        known = now;
    }
}

fn tracks(arguments: &JoinArguments) -> Result<Vec<SendTrack>, String> {
    if arguments.listen {
        return Ok(Vec::new());
    }
    let encode = |samples: &[i16]| {
        let speech = Speech::of_samples(samples).map_err(|error| format!("Opus: {error}"))?;
        Ok::<_, String>(Source::Voice(Arc::new(speech)))
    };
    let is_plain = arguments.clip.is_none() && arguments.tone.is_none() && arguments.wav.is_none();
    let mut tracks = Vec::new();
    let voice = match (&arguments.tone, &arguments.wav) {
        (Some(pitch), _) => Some(encode(&sound::tone(*pitch, TONE))?),
        (_, Some(file)) => {
            let samples = sound::wav(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
            Some(encode(&samples)?)
        }
        _ if is_plain => Some(Source::voice(0).map_err(|error| format!("Opus: {error}"))?),
        _ => None,
    };
    tracks.extend(voice.map(|source| SendTrack {
        name: "microphone".to_owned(),
        context: Context::Microphone,
        source,
    }));
    let picture = match &arguments.clip {
        Some(file) => {
            let clip = Clip::parse(&read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
            Some(Source::Clip(Arc::new(clip)))
        }
        None if is_plain => Some(Source::clip(Codec::Vp8)),
        None => None,
    };
    tracks.extend(picture.map(|source| SendTrack {
        name: "camera".to_owned(),
        context: Context::Camera,
        source,
    }));
    Ok(tracks)
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn parse_pitch(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(pitch) if (20.0..=20_000.0).contains(&pitch) => Ok(pitch),
        _ => Err("not a number from 20 to 20000".to_owned()),
    }
}
