// Sends events as Stripe does: POSTed, signed by Stripe's own package, again after a failure.
import http from 'node:http';

import Stripe from 'stripe';

const stripe = new Stripe('sk_test_only_signs_webhooks');
const ATTEMPTS_MAX = 20;
const BETWEEN_ATTEMPTS_MS = 250;  // Stripe waits for minutes

export const signature = (payload, secret, timestamp = Math.floor(Date.now() / 1000)) =>
  stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });

export class StripeSender {
  // deliveries: one for each attempt, { event, status, body }.
  constructor(url, { secret, width = 4 }) {
    Object.assign(this, { url, secret, width, deliveries: [], queue: [], running: new Set(), stopped: false });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: width });
  }

  send(event) {
    this.queue.push(event);
    if (this.running.size >= this.width) return;
    const worker = this.work().finally(() => this.running.delete(worker));
    this.running.add(worker);
  }

  async work() {
    for (let event = this.queue.shift(); event !== undefined && !this.stopped; event = this.queue.shift()) {
      for (let attempt = 1; attempt <= ATTEMPTS_MAX && !this.stopped; ++attempt) {
        const delivery = await this.post(event).catch((error) => ({ status: 0, body: error.message }));
        this.deliveries.push({ event, ...delivery });
        if (delivery.status >= 200 && delivery.status < 300) break;
        await new Promise((resolve) => setTimeout(resolve, BETWEEN_ATTEMPTS_MS));
      }
    }
  }

  post(event) {
    const payload = JSON.stringify({ ...event, pending_webhooks: 1 }, null, 2);
    const headers = {
      'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(payload),
      'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)', 'stripe-signature': signature(payload, this.secret),
    };
    return new Promise((resolve, reject) => {
      const request = http.request(this.url, { method: 'POST', headers, agent: this.agent, timeout: 20_000 }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
      });
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', reject);
      request.end(payload);
    });
  }

  // Until every event was delivered or given up.
  async drained() {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  async stop() {
    this.stopped = true;
    this.agent.destroy();
    await this.drained();
  }
}
