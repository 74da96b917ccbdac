package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;

/**
 * One request and its response on the pipes. The reader of the host's frames tells it what comes; the thread that runs it
 * calls the handler and sends exactly one terminal frame.
 */
final class Stream implements Runnable {
    final int number;
    private final Streams streams;
    private final Limits limits;
    private final byte[] payload;
    /** What follows of the request's body; null when nothing does. */
    private final Upload upload;
    /** On the clock of {@link System#nanoTime}. */
    final long arrived = System.nanoTime();

    // streams.lock guards the rest.
    /** Signalled at each change that a waiting handler may wait for; made by the first that waits. */
    private Condition changed;
    private Thread runner;
    private boolean cancelled;
    private boolean hostGone;
    /** The terminal frame is on its way. */
    private boolean ended;

    /** How many bytes this side may still send. */
    private long sendWindow;

    /** A stream of a request whose payload has been checked; {@code whole} when its body does not go on in DATA. */
    Stream(int number, byte[] payload, boolean whole, Streams streams, Limits limits) {
        this.number = number;
        this.payload = payload;
        this.upload = whole ? null : new Upload(this, streams, limits.window);
        this.streams = streams;
        this.limits = limits;
        this.sendWindow = limits.window;
    }

    /** Whether all of the request's body came with its head. */
    boolean whole() {
        return upload == null;
    }

    // What the host says.

    void data(byte[] piece, boolean last) throws ProtocolException {
        streams.lock.lock();
        try {
            if (upload == null) {
                throw new ProtocolException(Fault.STREAM, "DATA after the end of the request on stream " + this);
            }
            upload.add(piece, last);
            signal();
        } finally {
            streams.lock.unlock();
        }
    }

    void grant(long bytes) {
        streams.lock.lock();
        try {
            sendWindow += bytes;
            signal();
        } finally {
            streams.lock.unlock();
        }
    }

    void cancel() {
        streams.lock.lock();
        try {
            cancelled = true;
            if (runner != null) {
                runner.interrupt();
            }
            signal();
        } finally {
            streams.lock.unlock();
        }
    }

    /** Tells the handler so without an interrupt, which would break off what it may still finish. The lock is held. */
    void hostGone() {
        hostGone = true;
        LockSupport.unpark(runner);
        signal();
    }

    // What the handler does.

    @Override
    public void run() {
        try {
            Response response = begin().handle(Messages.request(payload, this, upload));
            if (response == null) {
                throw new IllegalStateException("the handler returned no response");
            }
            respond(response);
        } catch (Throwable raised) {
            fail(raised);
        } finally {
            leave();
        }
    }

    /** Whether it is time for the handler to come to an end: the host has cancelled the request, or has gone. */
    boolean cancelled() {
        streams.lock.lock();
        try {
            return cancelled || hostGone;
        } finally {
            streams.lock.unlock();
        }
    }

    /** How long ago the request came. */
    long ageNanos() {
        return System.nanoTime() - arrived;
    }

    /** Sends a log text, in as many frames as it needs. After the stream's end it belongs to no stream. */
    void log(Level level, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        Output output = streams.output;
        output.awaitRoom();
        streams.lock.lock();
        try {
            int from = 0;
            do {
                int to = Messages.cut(utf8, from, limits.maxPayload - 1);
                output.append(Messages.log(ended ? 0 : number, level, utf8, from, to));
                from = to;
            } while (from < utf8.length);
        } finally {
            streams.lock.unlock();
        }
        output.flush();
    }

    /** Asks the host for a successor of this worker. */
    void retire(String reason) {
        streams.output.append(Messages.goAway(reason));
        streams.output.flush();
    }

    /** Sends a part of the response's body as far as the window lets it. */
    void write(byte[] body, int offset, int count, boolean last) throws IOException {
        Output output = streams.output;
        int from = offset;
        int left = count;
        while (left > 0) {
            int n = takeWindow(Math.min(left, limits.maxPayload));
            left -= n;
            if (last && left == 0) {
                end(Messages.data(number, n, true), body, from, n);
                return;
            }
            output.awaitRoom();
            append(Messages.data(number, n, false), body, from, n);
            output.flush();
            from += n;
        }
        if (last) {
            end(Messages.data(number, 0, true), body, 0, 0);
        }
    }

    int maxPayload() {
        return limits.maxPayload;
    }

    @Override
    public String toString() {
        return Integer.toUnsignedString(number);
    }

    /** The thread that runs the handler; null when there is none. The lock is held. */
    Thread runner() {
        return runner;
    }

    /** From here on a CANCEL interrupts this thread. Returns who answers. */
    private Handler begin() throws CancelledException {
        streams.lock.lock();
        try {
            if (cancelled) {
                throw new CancelledException();
            }
            runner = Thread.currentThread();
            return streams.handler();
        } finally {
            streams.lock.unlock();
        }
    }

    /** After this no interrupt of this stream reaches the thread, which may run another stream next. */
    private void leave() {
        streams.lock.lock();
        try {
            runner = null;
        } finally {
            streams.lock.unlock();
        }
        Thread.interrupted();
    }

    private void respond(Response response) throws Exception {
        Encoder head = Messages.response(response.status, response.headers, limits.maxPayload);
        if (head == null) {
            throw new IllegalStateException("response headers too large");
        }
        byte[] body = response.whole;
        if (body != null && head.payloadLength() + body.length <= limits.maxPayload) {
            end(head.seal(Frame.RESP, true, number, body.length), body, 0, body.length);
            return;
        }
        streams.output.append(head.seal(Frame.RESP, false, number, 0));
        streams.output.flush();
        if (body != null) {
            write(body, 0, body.length, true);
        } else {
            ResponseBody out = new ResponseBody(this);
            response.writer.write(out);
            out.finish();
        }
    }

    private void fail(Throwable raised) {
        Exit.ifBroken(raised);
        Encoder error;
        if (unwanted()) {
            error = Messages.error(number, Messages.CANCELLED, "cancelled", limits.maxPayload);
        } else if (raised instanceof BadRequestException) {
            error = Messages.error(number, Messages.BAD_REQUEST, Raised.message(raised), limits.maxPayload);
        } else {
            error = Messages.error(number, Messages.RAISED, Raised.describe(raised), limits.maxPayload);
        }
        end(error, payload, 0, 0);
    }

    /** Whether the host has cancelled the request, and takes no response. */
    private boolean unwanted() {
        streams.lock.lock();
        try {
            return cancelled;
        } finally {
            streams.lock.unlock();
        }
    }

    /** Queues a part of the body. Another thread of the handler's may come here after the handler's own ended the response. */
    private void append(Encoder head, byte[] body, int offset, int count) throws IOException {
        streams.lock.lock();
        try {
            requireOpen();
            streams.output.append(head, body, offset, count);
        } finally {
            streams.lock.unlock();
        }
    }

    /** The lock is held. */
    private void requireOpen() throws IOException {
        if (ended) {
            throw new IOException("the response has ended");
        }
    }

    /** Sends the terminal frame, unless one has been sent. */
    private void end(Encoder head, byte[] body, int offset, int count) {
        streams.lock.lock();
        try {
            if (ended) {
                return;
            }
            ended = true;
            signal();
            streams.remove(this);
            streams.output.append(head, body, offset, count);
        } finally {
            streams.lock.unlock();
        }
    }

    /** Waits for leave to send, and takes up to {@code most} bytes of it. */
    private int takeWindow(int most) throws IOException {
        streams.lock.lock();
        try {
            while (sendWindow == 0) {
                await("the host takes no more of the response");
            }
            if (cancelled) {
                throw new CancelledException();
            }
            int n = (int) Math.min(most, sendWindow);
            sendWindow -= n;
            return n;
        } finally {
            streams.lock.unlock();
        }
    }

    /** Waits for the host to say something. Throws when nothing will come that is worth it. The lock is held. */
    void await(String whenHostGone) throws IOException {
        if (cancelled) {
            throw new CancelledException();
        }
        requireOpen();
        if (hostGone) {
            throw new IOException(whenHostGone);
        }
        if (changed == null) {
            changed = streams.lock.newCondition();
        }
        changed.awaitUninterruptibly();
    }

    /** The lock is held. */
    private void signal() {
        if (changed != null) {
            changed.signalAll();
        }
    }
}
