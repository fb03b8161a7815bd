//! Janus's configuration, written for one run.

use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Plugins and transports that are not needed.
const UNUSED_PLUGINS: &str = "libjanus_audiobridge.so,libjanus_duktape.so,libjanus_echotest.so,libjanus_lua.so,\
                              libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,libjanus_streaming.so,\
                              libjanus_textroom.so,libjanus_videocall.so,libjanus_voicemail.so";
const UNUSED_TRANSPORTS: &str =
    "libjanus_http.so,libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so";

/// Writes the files into an empty folder.
///
/// One event loop, as there is one core; sessions that end when their WebSocket does. ICE-lite, since the light
/// participants do the checking; one interface, which may be none flagged as loopback.
pub(super) fn write(folder: &Path, address: IpAddr, port: u16) -> io::Result<()> {
    let general = format!(
        "general: {{\n  configs_folder = \"{folder}\"\n  debug_level = 2\n  event_loops = 1\n  session_timeout = 0\n}}\n\
         media: {{\n  rtp_port_range = \"20000-60000\"\n}}\n\
         nat: {{\n  ice_lite = true\n  full_trickle = false\n  ice_enforce_list = \"{address}\"\n}}\n\
         plugins: {{\n  disable = \"{UNUSED_PLUGINS}\"\n}}\n\
         transports: {{\n  disable = \"{UNUSED_TRANSPORTS}\"\n}}\n",
        folder = folder.display(),
    );
    let socket = format!(
        "general: {{\n  json = \"compact\"\n  ws = true\n  ws_ip = \"{address}\"\n  ws_port = {port}\n  wss = false\n}}\n"
    );
    for (name, text) in [
        ("janus.jcfg", general.as_str()),
        ("janus.transport.websockets.jcfg", &socket),
        // Rooms are made over the API.
        ("janus.plugin.videoroom.jcfg", "general: {\n}\n"),
    ] {
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::process::Scratch;

    #[test]
    fn the_address_stands_in_both_files_and_nothing_points_outside() {
        let folder = Scratch::new("janus-config").unwrap();
        write(folder.path(), IpAddr::from([10, 99, 0, 1]), 8188).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let general = read("janus.jcfg");
        assert!(general.contains("ice_enforce_list = \"10.99.0.1\"") && general.contains("ice_lite = true"));
        assert!(general.contains(&format!("configs_folder = \"{}\"", folder.path().display())));
        assert!(!general.contains("libjanus_videoroom") && !general.contains("libjanus_websockets"));
        let socket = read("janus.transport.websockets.jcfg");
        assert!(socket.contains("ws_ip = \"10.99.0.1\"") && socket.contains("ws_port = 8188"));
    }
}
