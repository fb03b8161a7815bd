//! What a run begins with: the server, the room, the crowd and the browsers.

use std::sync::Arc;

use super::run_arguments::RunArguments;
use crate::browser::{BrowserError, Browsers};
use crate::http::{HttpError, Server};
use crate::light::LightConfig;
use crate::measure::{Measures, forwarding};
use crate::room::Room;
use crate::scenario::crowd::{Casting, Crowd};

/// Packets that time the bare way: half a second of them.
const BARE_PACKETS: u32 = 1000;
/// Places in a room for those who come before others have left.
const SPARE: u32 = 50;

/// Finds the server and its room, or makes one; the error says in one line why there is none.
pub(super) async fn prepare(arguments: &RunArguments) -> Result<(Server, Room), String> {
    if arguments.cast().is_empty() {
        return Err("nobody takes part: --full, --light, --phantoms and --browsers are all 0".to_owned());
    }
    let server = Server::parse_alone(&arguments.url).map_err(|error| format!("--url: {error}"))?;
    let room = match &arguments.room {
        Some(link) => {
            let room = Room::parse(link).map_err(|error| format!("--room: {error}"))?;
            reachable(&server).await.map_err(|error| error.to_string())?;
            room
        }
        None => {
            let cast = arguments.cast();
            let everybody = (cast.phantom > 0).then(|| cast.phantom + cast.speakers() + SPARE);
            let room = Room::create_for(&server, everybody).await;
            room.map_err(|error| error.to_string())?
        }
    };
    Ok((server, room))
}

async fn reachable(server: &Server) -> Result<(), HttpError> {
    server.get("/livez").await.map(|_| ())
}

/// The crowd, with nobody in it.
pub(super) fn crowd(
    arguments: &RunArguments,
    server: &Server,
    room: Room,
    measures: &Arc<Measures>,
) -> Result<Crowd, String> {
    let casting = Casting {
        server: server.clone(),
        cast: arguments.cast(),
        video: arguments.video,
        decrypt: arguments.decrypts(),
        light: LightConfig {
            threads: usize::from(arguments.light_threads),
            cores: arguments.light_cores.clone(),
        },
        measures: Arc::clone(measures),
    };
    let mut crowd = Crowd::new(casting, room).map_err(|error| error.to_string())?;
    crowd.server_pid = arguments.server_pid;
    Ok(crowd)
}

/// Times packets without a server, where that can be compared: for a server on this machine.
pub(super) async fn time_bare_way(server: &Server, measures: &Arc<Measures>) {
    let Ok(address) = server.resolve().await else {
        return;
    };
    let measures = Arc::clone(measures);
    let timed = tokio::task::spawn_blocking(move || {
        let bare = &measures.forwarding.bare;
        address
            .ip()
            .is_loopback()
            .then(|| forwarding::time_bare_way(address.ip(), BARE_PACKETS, bare))
    });
    // Without it the figure says that it was not timed.
    let _ = timed.await;
}

/// Brings the browsers into the room, if there are to be any.
pub(super) async fn open_browsers(
    arguments: &RunArguments,
    link: &str,
    measures: &Arc<Measures>,
) -> Result<Option<Browsers>, BrowserError> {
    if arguments.browsers == 0 {
        return Ok(None);
    }
    let mut browsers = Browsers::start(arguments.browser, Arc::clone(measures)).await?;
    for _ in 0..arguments.browsers {
        browsers.join(link).await?;
    }
    Ok(Some(browsers))
}
