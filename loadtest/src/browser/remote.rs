//! Remote control of a headless browser over its own WebSocket: pages are opened and scripts evaluated in them.
//!
//! Chromium speaks the DevTools protocol, Firefox WebDriver BiDi. Three commands of each are all that is needed.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{BrowserError, Make};
use crate::target::json_socket::{JsonSocket, at};

/// How long an answer may take; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);
/// The browser's name in errors of its WebSocket.
const NAME: &str = "the browser";

/// The way to a browser.
pub(super) struct Remote {
    make: Make,
    socket: JsonSocket,
    next_id: u64,
}

/// A page, as its browser names it.
#[derive(Clone, Debug)]
pub(super) struct Page(String);

impl Remote {
    /// Connects to the address the browser told.
    pub(super) async fn connect(make: Make, address: &str) -> Result<Self, BrowserError> {
        let url = match make {
            Make::Chromium => address.to_owned(),
            Make::Firefox => format!("{address}/session"),
        };
        let socket = JsonSocket::open(NAME, &url, None).await?;
        let mut remote = Self {
            make,
            socket,
            next_id: 1,
        };
        if make == Make::Firefox {
            remote
                .call("session.new", json!({ "capabilities": {} }), None)
                .await?;
        }
        Ok(remote)
    }

    /// Opens a page in which `script` runs before those of `url`.
    pub(super) async fn open(&mut self, url: &str, script: &str) -> Result<Page, BrowserError> {
        match self.make {
            Make::Chromium => {
                // A context of its own, as another person has another browser.
                let context = self.call("Target.createBrowserContext", json!({}), None).await?;
                let target = json!({
                    "url": "about:blank", "newWindow": true, "browserContextId": at(&context, "/browserContextId"),
                });
                let target = self.call("Target.createTarget", target, None).await?;
                let attach = json!({ "targetId": at(&target, "/targetId"), "flatten": true });
                let attached = self.call("Target.attachToTarget", attach, None).await?;
                let page = Page(text(&attached, "/sessionId")?);
                self.call("Page.enable", json!({}), Some(&page)).await?;
                let preload = json!({ "source": script });
                self.call("Page.addScriptToEvaluateOnNewDocument", preload, Some(&page))
                    .await?;
                self.call("Page.navigate", json!({ "url": url }), Some(&page))
                    .await?;
                Ok(page)
            }
            Make::Firefox => {
                let user = self.call("browser.createUserContext", json!({}), None).await?;
                let window = json!({ "type": "window", "userContext": at(&user, "/userContext") });
                let created = self.call("browsingContext.create", window, None).await?;
                let page = Page(text(&created, "/context")?);
                let preload = json!({
                    "functionDeclaration": format!("() => {{ {script} }}"), "contexts": [page.0.clone()],
                });
                self.call("script.addPreloadScript", preload, None).await?;
                let to = json!({ "context": page.0.clone(), "url": url, "wait": "none" });
                self.call("browsingContext.navigate", to, None).await?;
                Ok(page)
            }
        }
    }

    /// Evaluates an expression that is, or promises, a string.
    pub(super) async fn evaluate(&mut self, page: &Page, expression: &str) -> Result<String, BrowserError> {
        match self.make {
            Make::Chromium => {
                let ask = json!({
                    "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true,
                });
                let told = self.call("Runtime.evaluate", ask, Some(page)).await?;
                text(&told, "/result/value")
            }
            Make::Firefox => {
                let ask = json!({
                    "expression": expression, "awaitPromise": true, "userActivation": true,
                    "target": { "context": page.0.clone() },
                });
                let told = self.call("script.evaluate", ask, None).await?;
                text(&told, "/result/value")
            }
        }
    }

    /// Ends the browser.
    pub(super) async fn close(mut self) {
        let method = match self.make {
            Make::Chromium => "Browser.close",
            Make::Firefox => "browser.close",
        };
        // Its process is ended as well.
        let _ = self.call(method, json!({}), None).await;
        self.socket.close().await;
    }

    async fn call(
        &mut self,
        method: &'static str,
        params: Value,
        page: Option<&Page>,
    ) -> Result<Value, BrowserError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut command = json!({ "id": id, "method": method, "params": params });
        if let (Some(page), Some(fields)) = (page, command.as_object_mut()) {
            fields.insert("sessionId".to_owned(), json!(page.0));
        }
        self.socket.send(&command).await?;
        let answered = async {
            loop {
                // What is no answer to this is an event.
                let message = self.socket.receive().await?;
                if at(&message, "/id") == &json!(id) {
                    return answer(method, &message);
                }
            }
        };
        timeout(PATIENCE, answered)
            .await
            .unwrap_or(Err(BrowserError::TimedOut(method)))
    }
}

fn answer(method: &'static str, message: &Value) -> Result<Value, BrowserError> {
    let refused = |detail: String| Err(BrowserError::Refused { method, detail });
    match at(message, "/error") {
        Value::Null => Ok(at(message, "/result").clone()),
        Value::String(code) => refused(format!("{code}: {}", at(message, "/message"))),
        error => refused(error.to_string()),
    }
}

fn text(value: &Value, pointer: &str) -> Result<String, BrowserError> {
    match at(value, pointer) {
        Value::String(text) => Ok(text.clone()),
        _ => Err(BrowserError::Refused {
            method: "evaluate",
            detail: value.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_refusals_of_both_protocols_are_told_apart() {
        let good = json!({ "id": 1, "result": { "context": "x" } });
        assert_eq!(
            answer("m", &good)
                .ok()
                .and_then(|told| text(&told, "/context").ok()),
            Some("x".to_owned())
        );
        let of_chromium = json!({ "id": 1, "error": { "code": -32601, "message": "no such thing" } });
        let of_firefox =
            json!({ "id": 1, "type": "error", "error": "unknown command", "message": "no such thing" });
        for refused in [of_chromium, of_firefox] {
            let error = answer("m", &refused).err().map(|error| error.to_string());
            assert!(error.is_some_and(|error| error.contains("m") && error.contains("no such thing")));
        }
        let thrown = json!({ "exceptionDetails": { "text": "Uncaught" } });
        assert!(text(&thrown, "/result/value").is_err_and(|error| error.to_string().contains("Uncaught")));
    }
}
