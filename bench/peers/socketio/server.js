// Peer socketio: a broadcast server written with Socket.IO. Clients join rooms by an event, and a message goes to all rooms of its
// sender. Use throng bench --protocol socketio.
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
