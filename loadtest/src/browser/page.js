// Keeps every peer connection where its statistics can be read, and knows how to get into a call and out again.
(() => {
  const connections = [];
  const Original = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      connections.push(this);
    }
  };
  const button = (name) =>
    [...document.querySelectorAll("button")].find(
      (button) => (button.getAttribute("aria-label") ?? button.textContent ?? "").trim() === name,
    );
  const nothing = { received: 0, lost: 0, sent: 0, frames: 0, freezes: 0, freeze_s: 0, samples: 0, concealed: 0 };
  // Of every stream there was: one that is over counts with what it last had.
  const streams = new Map();
  window.loadtest = {
    // One step on the way into the call; says "in" when there is nothing more to do.
    enter(name) {
      if (button("Leave")) return "in";
      const field = [...document.querySelectorAll("input")].find((input) => input.type === "text");
      const join = button("Join");
      if (!field || !join) return "no pre-join page";
      if (field.value !== name) {
        const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
        set.call(field, name);
        field.dispatchEvent(new Event("input", { bubbles: true }));
        return "named";
      }
      if (join.disabled) return "the Join button is disabled";
      join.click();
      return "clicked";
    },
    leave() {
      button("Leave")?.click();
      return "left";
    },
    async stats() {
      for (const [index, connection] of connections.entries()) {
        if (connection.connectionState === "closed") continue;
        for (const report of (await connection.getStats()).values()) {
          if (report.type !== "inbound-rtp" && report.type !== "outbound-rtp") continue;
          streams.set(`${index}/${report.ssrc}`, {
            received: report.packetsReceived ?? 0,
            lost: report.packetsLost ?? 0,
            sent: report.packetsSent ?? 0,
            frames: report.framesDecoded ?? 0,
            freezes: report.freezeCount ?? 0,
            freeze_s: report.totalFreezesDuration ?? 0,
            samples: report.totalSamplesReceived ?? 0,
            concealed: report.concealedSamples ?? 0,
          });
        }
      }
      const sum = { ...nothing };
      for (const stream of streams.values()) for (const figure of Object.keys(sum)) sum[figure] += stream[figure];
      return JSON.stringify(sum);
    },
  };
})();
