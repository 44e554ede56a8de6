// What one writes first in Node: Express 5 verifies, BullMQ on Redis keeps the event, a worker stores it. Written for the
// benchmark, with the same duties as Tomada's intake: raw body, signature and age checked, duplicates known by event id,
// 200 only when the event is in the queue.
//   node webhook_express.mjs receiver|worker    with PORT, REDIS_PORT, WEBHOOK_SECRET
import crypto from 'node:crypto';

import { Queue, Worker } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';

const TOLERANCE_S = 300;
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null };
const secret = process.env.WEBHOOK_SECRET;

function isSigned(header, body) {
  if (typeof header !== 'string') return false;
  const entries = header.split(',').map((entry) => entry.trim().split('='));
  const time = entries.find(([name]) => name === 't')?.[1];
  if (!/^\d+$/.test(time ?? '') || Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE_S) return false;
  const wanted = crypto.createHmac('sha256', secret).update(`${time}.`).update(body).digest();
  return entries.some(([name, value]) => {
    if (name !== 'v1' || !/^[0-9a-f]{64}$/.test(value)) return false;
    return crypto.timingSafeEqual(Buffer.from(value, 'hex'), wanted);
  });
}

function receiver() {
  const queue = new Queue('events', { connection });
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.post('/webhooks', express.raw({ type: '*/*', limit: '1mb' }), async (request, response) => {
    if (!isSigned(request.headers['stripe-signature'], request.body)) return response.status(401).json({ success: false });
    let event;
    try {
      event = JSON.parse(request.body);
    } catch {
      return response.status(400).json({ success: false });
    }
    // A job whose id is known is not added again: that is BullMQ's own way to drop duplicates, as long as jobs stay.
    const job = await queue.add(event.type, { body: request.body.toString(), received_at: Date.now() },
      { jobId: event.id, attempts: 6, backoff: { type: 'exponential', delay: 60_000 } });
    return response.json({ success: true, id: job.id });
  });
  app.get('/alive', (request, response) => response.json({}));
  app.listen(Number(process.env.PORT), '127.0.0.1');
}

function worker() {
  const redis = new Redis(connection);
  const work = async (job) => {
    const event = JSON.parse(job.data.body);
    const { object } = event.data;
    await redis.hset(`record:${object.object}:${object.id}`, { data: JSON.stringify(object), event: event.id });
  };
  void new Worker('events', work, { connection, concurrency: 50 });
}

({ receiver, worker })[process.argv[2]]();
