// Peer node-ws: a broadcast server written with the package ws: a loop over all clients.
import { WebSocket, WebSocketServer } from 'ws';

const [host, port] = process.argv[process.argv.indexOf('--listen') + 1].split(':');
const room = new WebSocketServer({ host, port: Number(port), path: '/ws', perMessageDeflate: false });

room.on('connection', (member) => {
  member.on('error', () => member.terminate());
  member.on('message', (data, binary) => {
    for (const other of room.clients) {
      if (other.readyState === WebSocket.OPEN) other.send(data, { binary });
    }
  });
});
room.on('listening', () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
