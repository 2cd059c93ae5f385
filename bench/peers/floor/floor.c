// The floor: the kernel's cost of a WebSocket broadcast. One thread with one level-triggered epoll answers each handshake with a 101
// and sends each received text frame to every connection by one send(). It checks nothing, queues nothing and closes a connection
// whose socket is full, so it is a reference for costs and not a server.
//
//   cc -O2 -o floor floor.c && ./floor --listen 127.0.0.1:PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_FD = 1 << 20, READ = 64 << 10, EVENTS = 1024 };

static int open_fds[MAX_FD]; // connections after their handshake, without gaps
static int place[MAX_FD];    // index of a descriptor in open_fds, plus one; 0 before its handshake
static int count;
static unsigned long refused;
static volatile sig_atomic_t stop;

static void on_term(int sig) { (void)sig, stop = 1; }

static uint32_t rol(uint32_t v, int n) { return v << n | v >> (32 - n); }

// SHA-1 of at most 119 bytes (FIPS 180-4), which is enough for a handshake.
static void sha1(const char *text, size_t n, uint8_t out[20]) {
	uint8_t block[128] = {0};
	size_t blocks = n < 56 ? 1 : 2;
	memcpy(block, text, n);
	block[n] = 0x80;
	for (int i = 0; i < 8; i++) block[blocks * 64 - 1 - i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
	uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
	for (size_t b = 0; b < blocks; b++) {
		uint32_t w[80];
		for (int i = 0; i < 16; i++) {
			const uint8_t *p = block + b * 64 + i * 4;
			w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
		}
		for (int i = 16; i < 80; i++) w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
		uint32_t a = h[0], c1 = h[1], c2 = h[2], c3 = h[3], e = h[4];
		for (int i = 0; i < 80; i++) {
			uint32_t f = i < 20 ? (c1 & c2) | (~c1 & c3) : i < 40 ? c1 ^ c2 ^ c3 : i < 60 ? (c1 & c2) | (c1 & c3) | (c2 & c3) : c1 ^ c2 ^ c3;
			static const uint32_t k[4] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};
			uint32_t t = rol(a, 5) + f + e + k[i / 20] + w[i];
			e = c3, c3 = c2, c2 = rol(c1, 30), c1 = a, a = t;
		}
		h[0] += a, h[1] += c1, h[2] += c2, h[3] += c3, h[4] += e;
	}
	for (int i = 0; i < 20; i++) out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t *in, int n, char *out) {
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < n ? in[i + 1] << 8 : 0) | (i + 2 < n ? in[i + 2] : 0);
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = 0;
}

static void leave(int fd) {
	if (place[fd]) {
		int last = open_fds[--count];
		open_fds[place[fd] - 1] = last;
		place[last] = place[fd];
		place[fd] = 0;
	}
	close(fd);
}

static void shake(int fd, char *head) {
	char *key = strcasestr(head, "sec-websocket-key: ");
	if (!key) {
		leave(fd);
		return;
	}
	char text[64], accept[32], answer[256];
	uint8_t sum[20];
	snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
	sha1(text, 60, sum);
	base64(sum, 20, accept);
	int n = snprintf(answer, sizeof answer,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	open_fds[count++] = fd;
	place[fd] = count;
	if (send(fd, answer, n, MSG_DONTWAIT | MSG_NOSIGNAL) != n) leave(fd);
}

static void broadcast(const uint8_t *frame, size_t n) {
	for (int i = 0; i < count; i++)
		if (send(open_fds[i], frame, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n) refused++;
}

// A frame that arrives in two reads ends its connection. That does not happen under a load of small frames.
static void frames(int fd, uint8_t *b, ssize_t n) {
	while (n >= 6) {
		size_t head = 2, length = b[1] & 0x7F;
		if (length == 126) head = 4, length = (size_t)b[2] << 8 | b[3];
		uint8_t *key = b + head, *payload = key + 4;
		size_t size = head + 4 + length;
		if (length == 127 || size > (size_t)n) break;
		for (size_t i = 0; i < length; i++) payload[i] ^= key[i & 3];
		if ((b[0] & 0xF) == 1) {
			// The head without mask and key, directly before the payload.
			uint8_t *frame = payload - head;
			uint8_t keep[4] = {b[0], (uint8_t)(b[1] & 0x7F), b[2], b[3]};
			memmove(frame, keep, head);
			broadcast(frame, head + length);
		} else if ((b[0] & 0xF) == 8) {
			leave(fd);
			return;
		}
		b += size, n -= (ssize_t)size;
	}
	if (n > 0) leave(fd);
}

int main(int argc, char **argv) {
	if (argc != 3 || strcmp(argv[1], "--listen") || !strchr(argv[2], ':')) {
		fprintf(stderr, "usage: floor --listen ADDRESS:PORT\n");
		return 2;
	}
	char *colon = strchr(argv[2], ':');
	*colon = 0;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(colon + 1))};
	inet_pton(AF_INET, argv[2], &addr.sin_addr);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, buffer = 64 << 10;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 4096)) {
		perror("floor: listen");
		return 1;
	}
	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	int poll = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
	epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
	printf("ready\n");
	fflush(stdout);
	static uint8_t buf[READ + 1];
	while (!stop) {
		int ready = epoll_wait(poll, events, EVENTS, -1);
		for (int i = 0; i < ready; i++) {
			int fd = events[i].data.fd;
			if (fd == listener) {
				for (int c; (c = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
					event.data.fd = c;
					if (c >= MAX_FD || epoll_ctl(poll, EPOLL_CTL_ADD, c, &event)) close(c);
				}
				continue;
			}
			ssize_t n = recv(fd, buf, READ, MSG_DONTWAIT);
			if (n <= 0) {
				if (n == 0 || errno != EAGAIN) leave(fd);
				continue;
			}
			buf[n] = 0;
			if (place[fd])
				frames(fd, buf, n);
			else
				shake(fd, (char *)buf);
		}
	}
	fprintf(stderr, "floor: %lu sends refused or short\n", refused);
	return 0;
}
