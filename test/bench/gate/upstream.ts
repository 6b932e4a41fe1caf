/** A classifier that answers at once, in a separate process, so that the proxy in front of it is measured. */
import { createServer } from 'node:http';

const answer = JSON.stringify({ predictions: [[0.1, 0.2, 0.7]] });
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
    response.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
process.on('disconnect', () => process.exit());
