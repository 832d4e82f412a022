// A shared worker: the one stream of events for all tabs of a browser, which opens six connections to a host at most.
import { Hub } from "./live-hub.js";

const hub = new Hub();

self.addEventListener("connect", (event) => {
  const port = /** @type {MessageEvent} */ (event).ports[0];
  /** @param {import("./live-hub.js").Message} message */
  const listen = (message) => port.postMessage(message);
  port.onmessage = ({ data }) => {
    if (data.join) hub.join(listen, data.seq);
    else if (data.leave) hub.leave(listen);
    else if (data.doubt) hub.doubt();
    else hub.wake();
  };
});
