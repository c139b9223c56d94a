// The rim of the device: one connection at a time, to the broker or, where none is reached, by POST; and what the
// state machine answers, signed and sent in order.

import { RECONNECT } from "./handheld.js";
import { hear, isSigned, scans } from "./wire.js";

const RETRY_AFTER = 50;
const RETRY_AT_MOST = 3000;
const CONNECT_TIMEOUT = 5000;
const KEEP_ALIVE = 30; // s
const BROKER_AGAIN_AFTER = 1000; // while we speak by POST; doubling
const BROKER_AGAIN_AT_MOST = 60_000;
const REFUSED_AGAIN_AFTER = 30_000;
const AT_ONCE = 6; // messages of one request: 32 KiB each, and it takes 256
const MQTT = "/static/vendor/mqtt/mqtt.esm.js";

/** @typedef {"off" | "mqtt" | "post" | "refused"} Way how the tracker is reached; `refused`: it does not know us */
/** @typedef {{dev: string, site: string, key: CryptoKey, username: string, password: string}} Identity */
/** @typedef {{send(messages: string[]): void, close(): void}} Connection */

/** What the tracker asks for to know a device. @param {Identity} identity */
export function signIn(identity) {
  return { Authorization: "Basic " + btoa(`${identity.username}:${identity.password}`) };
}

export class Link {
  /**
   * @param {import("./handheld.js").Handheld} handheld @param {Identity} identity
   * @param {string} broker where browsers reach it, or "" @param {() => void} changed called after news
   */
  constructor(handheld, identity, broker, changed) {
    this.handheld = handheld;
    this.identity = identity;
    this.broker = broker;
    this.changed = changed;
    /** @type {Way} */
    this.way = "off";
    /** @type {Connection | null} */
    this._connection = null;
    this._pause = RETRY_AFTER;
    this._brokerPause = BROKER_AGAIN_AFTER;
    this._timer = 0;
    this._probe = 0;
    this._retry = 0;
    this._stopped = false;
    /** @type {Promise<unknown>} */
    this._speaking = Promise.resolve();
    addEventListener("online", this._soon);
  }

  start() {
    void this._connect();
  }

  stop() {
    this._stopped = true;
    removeEventListener("online", this._soon);
    clearTimeout(this._retry);
    clearTimeout(this._timer);
    clearTimeout(this._probe);
    this._connection?.close();
    this._connection = null;
  }

  /** Something was recorded: send it now. */
  wake() {
    this._speak(this.handheld.tick(performance.now()));
  }

  _soon = () => {
    if (this._connection || this._stopped) return;
    this._pause = RETRY_AFTER;
    this._again(0);
  };

  // --- connections ---

  async _connect() {
    if (this.broker && this.way !== "post" && (await this._reachesBroker())) return;
    this._overPost();
    this._tryBrokerLater();
  }

  async _reachesBroker() {
    try {
      await this._overBroker();
      this._brokerPause = BROKER_AGAIN_AFTER;
      return true;
    } catch {
      return false;
    }
  }

  /** Beside what goes by POST, which goes on until the broker answers. */
  _tryBrokerLater() {
    clearTimeout(this._probe);
    if (!this.broker || this._stopped) return;
    this._probe = setTimeout(async () => {
      if (this.way !== "mqtt" && !(await this._reachesBroker())) this._tryBrokerLater();
    }, this._brokerPause);
    this._brokerPause = Math.min(BROKER_AGAIN_AT_MOST, this._brokerPause * 2);
  }

  _patience() {
    const pause = this._pause;
    this._pause = Math.min(RETRY_AT_MOST, pause * 2);
    return pause * (0.8 + Math.random() * 0.4);
  }

  /** @param {number} ms */
  _again(ms) {
    clearTimeout(this._retry);
    if (!this._stopped) this._retry = setTimeout(() => void this._connect(), ms);
  }

  async _overBroker() {
    const { default: mqtt } = await import(MQTT);
    const { dev, site, username, password } = this.identity;
    const [up, down] = ["up", "down"].map((way) => `lastscan/v1/${site}/${dev}/${way}`);
    const client = mqtt.connect(this.broker, {
      protocolVersion: 4,
      clientId: dev,
      username,
      password,
      clean: true,
      keepalive: KEEP_ALIVE,
      reconnectPeriod: 0, // a new client for every connection, which knows nothing of the last one's queue
      connectTimeout: CONNECT_TIMEOUT,
      timerVariant: "native", // its own is a worker made of a blob, which our policy refuses
    });
    /** @type {Connection} */
    const connection = {
      send: (messages) => messages.forEach((message) => client.publish(up, message, { qos: 1 })),
      close: () => client.end(true),
    };
    await new Promise((resolve, reject) => {
      client.on("error", reject);
      client.on("close", () => reject(new Error("closed")));
      client.on("connect", () =>
        client.subscribe(down, { qos: 1 }, (/** @type {any} */ wrong, /** @type {any[]} */ granted) =>
          wrong || granted?.some((each) => each.qos > 2) ? reject(wrong ?? new Error("refused")) : resolve(null),
        ),
      );
    }).catch((wrong) => {
      client.end(true);
      throw wrong;
    });
    client.on("message", (/** @type {string} */ _topic, /** @type {Uint8Array} */ payload) => {
      if (this._connection === connection) void this._hear([new TextDecoder().decode(payload)]);
    });
    client.on("close", () => this._gone(connection));
    this._stands(connection, "mqtt");
  }

  _overPost() {
    /** @type {string[]} */
    const waiting = [];
    let posting = false;
    /** @type {Connection} */
    const connection = {
      send: (messages) => {
        waiting.push(...messages);
        if (!posting) void pump();
      },
      close: () => waiting.splice(0),
    };
    const pump = async () => {
      posting = true;
      while (waiting.length && this._connection === connection) {
        const messages = waiting.splice(0, AT_ONCE);
        try {
          const answers = await this._post(messages);
          // A greeting is always answered, but for a device that was revoked.
          const unanswered = !answers.length && messages.some((each) => each.startsWith('{"t":"hello"'));
          if (unanswered) return this._gone(connection, "refused");
          this._way("post");
          await this._hear(answers);
        } catch (wrong) {
          return this._gone(connection, wrong instanceof RefusedError ? "refused" : "off");
        }
      }
      posting = false;
    };
    this._stands(connection, this.way === "post" ? "post" : "off");
  }

  /** @param {string[]} messages @returns {Promise<string[]>} */
  async _post(messages) {
    const answer = await fetch("/courier/ldp", {
      method: "POST",
      headers: { ...signIn(this.identity), "Content-Type": "application/json" },
      body: "[" + messages.join(",") + "]",
      credentials: "omit",
      signal: AbortSignal.timeout(10_000),
    });
    if (answer.status === 401) throw new RefusedError();
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()).map((/** @type {unknown} */ each) => JSON.stringify(each));
  }

  /** @param {Connection} connection @param {Way} way */
  _stands(connection, way) {
    if (this._stopped) return connection.close();
    this._connection?.close();
    this._connection = connection;
    this._pause = way === "mqtt" ? RETRY_AFTER : this._pause;
    this._way(way);
    this._speak(this.handheld.connected(performance.now()));
  }

  /** @param {Way} way */
  _way(way) {
    if (way === "post") this._pause = RETRY_AFTER;
    if (this.way !== way) {
      this.way = way;
      this.changed();
    }
  }

  /** @param {Connection} connection @param {Way} [way] */
  _gone(connection, way = "off") {
    if (this._connection !== connection) return;
    this._connection = null;
    connection.close();
    this.handheld.disconnected();
    this._way(way);
    this._again(way === "refused" ? REFUSED_AGAIN_AFTER : this._patience());
  }

  // --- what goes over them ---

  /** @param {string[]} payloads */
  async _hear(payloads) {
    for (const payload of payloads) {
      const message = hear(payload);
      if (!message) continue;
      if (["ack", "need", "nack"].includes(message.t) && !(await isSigned(this.identity.key, message))) continue;
      this._speak(this.handheld.heard(message, performance.now()));
    }
    this.changed();
  }

  /** Stamps, signs and sends, each in its turn. @param {import("./handheld.js").Effect[]} effects */
  _speak(effects) {
    const connection = this._connection;
    if (connection && effects.length) {
      this._speaking = this._speaking.then(async () => {
        for (const effect of effects) {
          if (this._connection !== connection) return;
          if (effect === RECONNECT) return this._gone(connection);
          const message =
            typeof effect === "string"
              ? effect
              : await scans(effect.ep, effect.records, this.handheld.clock.stamp(), this.identity.key);
          if (this._connection === connection) connection.send([message]);
        }
      });
    }
    this._schedule();
  }

  _schedule() {
    clearTimeout(this._timer);
    const now = performance.now();
    const due = this.handheld.nextTick(now);
    if (due !== null && !this._stopped) this._timer = setTimeout(() => this.wake(), Math.max(1, due - now));
  }
}

class RefusedError extends Error {}
