// A function that is an HTTP server: what the tests of mode http stand in front of.
const fs = require('node:fs')
const http = require('node:http')
const crypto = require('node:crypto')

const routes = {
  hello: (req, res) => res.end('hello'),
  pid: (req, res) => res.end(String(process.pid)),
  env: (req, res) => res.end(`${process.env.PORT} ${process.env.http_port} ${process.argv[2]}`),
  raw: (req, res) => res.end(JSON.stringify({ url: req.url, headers: req.rawHeaders })),
  ready: (req, res) => { res.statusCode = 418; res.end(`ready ${req.method} ${req.headers['x-probe']}`) },
  status: (req, res, q) => { res.statusCode = Number(q.get('code')); res.end() },
  redirect: (req, res) => { res.writeHead(302, { Location: '/hello', 'Set-Cookie': ['a=1', 'b=2'], 'Keep-Alive': 'x', 'Proxy-Authenticate': 'y' }); res.end() },
  duration: (req, res) => { res.setHeader('x-duration-seconds', '7'); res.end('x') },
  html: (req, res) => res.end('<html><body>'),
  echo: (req, res) => { res.writeHead(200, { 'Content-Type': 'text/plain', 'X-Framing': req.headers['content-length'] || req.headers['transfer-encoding'] }); req.pipe(res) },
  // four pieces, 100 ms apart; with ?length their sum is told before
  pieces: (req, res, q) => {
    res.writeHead(200, Object.assign({ 'Content-Type': q.get('type') || 'text/event-stream' }, q.get('length') && { 'Content-Length': '8' }))
    let n = 0
    const timer = setInterval(() => { res.write(`d${n++}`); if (n === 4) { clearInterval(timer); res.end() } }, 100)
  },
  // pieces without end; tells when its client leaves
  endless: (req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const timer = setInterval(() => res.write('data: x\n\n'), 20)
    res.on('close', () => { clearInterval(timer); console.log('client left') })
  },
  late: (req, res, q) => {
    console.log('late begins')
    const timer = setTimeout(() => res.end('late'), Number(q.get('ms')))
    res.on('close', () => { clearTimeout(timer); if (!res.writableEnded) console.log('client left') })
  },
  spin: () => { for (;;); },
  cut: (req, res, q) => { res.writeHead(200, q.get('length') ? { 'Content-Length': '100' } : {}); res.write('begun'); setTimeout(() => req.socket.destroy(), 50) },
  destroy: (req) => req.socket.destroy(),
  begin: (req, res) => { res.write('begun'); setTimeout(() => process.exit(0), 50) },
  exit: (req, res, q) => process.exit(Number(q.get('code'))),
  reject: () => { Promise.reject(new Error('nobody handles this')) },
  grow: (req, res) => { (globalThis.kept ||= []).push(Buffer.alloc(64 << 20, 1)); res.end('grown') },
  unlisten: (req, res) => { server.close(); res.setHeader('Connection', 'close'); res.end('closed') },
  print: (req, res) => { console.log('to stdout'); console.error('to stderr'); console.log('x'.repeat(200000)); res.end('printed') },
}

const server = http.createServer((req, res) => {
  const url = new URL(req.url, 'http://x')
  const route = routes[url.pathname.split('/').at(-1)]
  if (route) return route(req, res, url.searchParams)
  res.statusCode = 404
  res.end('no such route')
})

server.on('upgrade', (req, socket) => {
  const key = (req.headers['sec-websocket-key'] || '') + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = crypto.createHash('sha1').update(key).digest('base64')
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nwelcome `)
  socket.on('data', (data) => socket.write(data))
  socket.on('end', () => socket.end())
  socket.on('close', () => console.log('socket closed'))
  socket.on('error', () => {})
})

process.on('SIGTERM', () => { console.log('got SIGTERM'); process.exit(0) })

// With the name of a file in GATE it listens once that file is there.
function boot () {
  if (process.env.GATE && !fs.existsSync(process.env.GATE)) return setTimeout(boot, 20)
  server.listen(Number(process.env.PORT), '127.0.0.1')
}
boot()
