// Peer socketio: a broadcast server as the users of Socket.IO write one: rooms that are joined by an event, and messages that go to
// all of the sender's rooms. throng bench speaks to it with --protocol socketio.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const [host, port] = process.argv[process.argv.indexOf('--listen') + 1].split(':');
const http = createServer();
const io = new Server(http, { transports: ['websocket'], serveClient: false, perMessageDeflate: false });

io.on('connection', (member) => {
  member.on('join', (room) => member.join(room));
  member.on('message', (text) => {
    for (const room of member.rooms) {
      if (room !== member.id) io.to(room).emit('message', text);
    }
  });
});
http.listen(Number(port), host, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
