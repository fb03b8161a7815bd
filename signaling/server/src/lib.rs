//! The signaling server: HTTP, WebSocket, embedded SFU and web client.
