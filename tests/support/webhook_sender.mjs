// A provider that sends signed events and does what providers do: what was not answered with 2xx it sends again, now and
// then it sends one again all the same, and some it gives up. It remembers every id that was acknowledged.
import crypto from 'node:crypto';
import http from 'node:http';

const SUBJECTS = 40;
const PAUSE_MS = 10;  // after a failure
const TIMEOUT_MS = 30_000;

export class WebhookSender {
  // `random(below)` is seeded; `prefix` makes the ids of several senders differ.
  constructor({ url, secret, random, connections = 16, prefix = 'e' }) {
    Object.assign(this, { url, secret, random, connections, prefix });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.acknowledged = new Map();  // event id -> what the host called it
    this.offered = new Set();
    this.again = [];                // events to be sent once more
    this.sent = 0;
    this.resent = 0;
    this.statuses = {};
    this.wrong = [];                // what a provider could complain about
    this.watchers = [];
  }

  start() {
    this.stopping = false;
    this.running = Array.from({ length: this.connections }, () => this.send());
  }

  // No new events; what is under way and what waits to be sent again comes to its end first.
  async stop() {
    this.stopping = true;
    await Promise.all(this.running);
    this.agent.destroy();
  }

  // At once, whatever is under way: for the end of a test that failed.
  async abort() {
    this.stopping = true;
    this.aborted = true;
    this.agent.destroy();
    await Promise.all(this.running ?? []);
  }

  // Kept when so many more events were acknowledged.
  acks(count) {
    return new Promise((resolve) => { this.watchers.push({ at: this.acknowledged.size + count, resolve }); });
  }

  async send() {
    for (;;) {
      const event = this.again.pop() ?? (this.stopping ? undefined : this.make());
      if (event === undefined || this.aborted) return;
      const status = await this.post(event).catch(() => 'no answer');
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      if (status === 200) {
        // A duplicate on purpose: the host must know it.
        if (event.times === 1 && this.random(25) === 0) this.repeat(event);
        continue;
      }
      if (status !== 'no answer' && status !== 503 && !this.wrong.includes(status)) this.wrong.push(status);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      // Some providers never come back: such an event may be there or not, but not twice.
      if (this.random(20) !== 0) this.repeat(event);
    }
  }

  repeat(event) {
    ++event.times;
    ++this.resent;
    this.again.push(event);
  }

  make() {
    const id = `${this.prefix}-${String(this.sent++).padStart(7, '0')}`;
    this.offered.add(id);
    const body = JSON.stringify({ id, type: `test.kind_${this.random(5)}`, subject: `s${this.random(SUBJECTS)}`,
      note: 'x'.repeat(this.random(1500)) });
    return { id, body, times: 1, signature: crypto.createHmac('sha256', this.secret).update(body).digest('hex') };
  }

  post({ id, body, signature }) {
    return new Promise((resolve, reject) => {
      const request = http.request(this.url, { method: 'POST', agent: this.agent, timeout: TIMEOUT_MS,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), 'x-signature': signature } },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) this.acknowledge(id, Buffer.concat(chunks).toString());
          resolve(response.statusCode);
        });
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', reject);
      request.end(body);
    });
  }

  acknowledge(id, text) {
    const name = JSON.parse(text).id;
    const known = this.acknowledged.get(id);
    if (!name || (known !== undefined && known !== name)) this.wrong.push(`${id} was called ${known}, then ${name}`);
    this.acknowledged.set(id, name);
    this.watchers = this.watchers.filter(({ at, resolve }) => {
      if (this.acknowledged.size < at) return true;
      resolve();
      return false;
    });
  }
}
