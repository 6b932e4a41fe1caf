// Receives the events of clipn-gate: node webhook-receiver.mjs PORT, with the secret (whsec_...) in WEBHOOK_SECRET.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const key = Buffer.from((process.env.WEBHOOK_SECRET ?? '').replace(/^whsec_/, ''), 'base64');
const TOLERANCE_SECONDS = 300;
/** A repetition of a batch has the id of the first attempt. A receiver with several processes keeps the ids in a database. */
const seen = new Set();

/** Whether the body was signed with the key, and not long ago. The header has one signature for each key of the sender. */
function isSigned(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures = '' } = headers;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
  return signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (!isSigned(request.headers, body)) {
    response.writeHead(401).end();
    return;
  }
  const id = request.headers['webhook-id'];
  if (!seen.has(id)) for (const { subject, data } of JSON.parse(body)) console.log(data.tenant, data.decision, subject);
  seen.add(id);
  response.writeHead(204).end();
}).listen(Number(process.argv[2] ?? 9000), '127.0.0.1', function () {
  console.log(`listening on ${this.address().port}`);
});
