//! Peer axum: a broadcast server written with axum: a tokio broadcast channel for the room, and for each connection a task
//! that reads and a task that writes. A connection that falls behind the channel misses messages and stays open.

use std::env;

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
    serve::ListenerExt,
};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpListener,
    sync::broadcast::{self, Sender, error::RecvError},
};

const QUEUE: usize = 1024;
const BUFFER: usize = 4 << 10; // to read into; the library's own is 128 KiB a connection

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = env::args().skip_while(|arg| arg != "--listen").skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:3300".into());
    let (room, _) = broadcast::channel::<Message>(QUEUE);
    let app = Router::new().route("/ws", get(upgrade)).with_state(room);
    let listener = TcpListener::bind(address).await?.tap_io(|tcp| {
        // An error means that the connection has ended.
        let _ = tcp.set_nodelay(true);
    });
    println!("ready");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn upgrade(ws: WebSocketUpgrade, State(room): State<Sender<Message>>) -> Response {
    ws.read_buffer_size(BUFFER).on_upgrade(move |socket| member(socket, room))
}

async fn member(socket: WebSocket, room: Sender<Message>) {
    let (mut sink, mut stream) = socket.split();
    let mut messages = room.subscribe();
    let mut writer = tokio::spawn(async move {
        loop {
            match messages.recv().await {
                Ok(message) => {
                    if sink.send(message).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            }
        }
    });
    let mut reader = tokio::spawn(async move {
        while let Some(Ok(message)) = stream.next().await {
            match message {
                // An error means that there are no receivers.
                Message::Text(_) | Message::Binary(_) => drop(room.send(message)),
                Message::Close(_) => return,
                Message::Ping(_) | Message::Pong(_) => {} // answered by the library
            }
        }
    });
    tokio::select! {
        _ = &mut writer => reader.abort(),
        _ = &mut reader => writer.abort(),
    }
}
