package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** Reads the host's frames to the end, and waits for nothing but the pipe and handlers that take no time. */
final class HostReader implements Runnable {
    /** The name of the thread that reads. */
    static final String NAME = "fwatchdog-reader";

    private final FrameReader frames;
    private final Streams streams;
    private final Output output;
    private final Crew crew;
    private final int maxPayload;
    /** Null where every handler has a thread of the crew's. */
    private final Alone alone;
    /** What was agreed on; null until the host has said HELLO. */
    private Limits limits;
    /** The requests found in one read: they are handed over together. */
    private final List<Stream> started = new ArrayList<>();

    /** A reader that runs handlers itself when requests come alone, within {@code soonNanos} of each other; 0: never. */
    HostReader(InputStream in, Streams streams, Crew crew, int maxPayload, long soonNanos) {
        this.frames = new FrameReader(in);
        this.streams = streams;
        this.output = streams.output;
        this.crew = crew;
        this.maxPayload = maxPayload;
        this.alone = soonNanos > 0 ? new Alone(this, soonNanos) : null;
    }

    @Override
    public void run() {
        try {
            while (frames.fill()) {
                while (frames.next()) {
                    accept();
                }
                if (!isOwn()) {
                    crew.start(started);
                    started.clear();
                    output.flush();
                } else if (!answer()) {
                    return; // another thread reads on
                }
            }
            streams.hostGone();
        } catch (ProtocolException e) {
            Exit.now(Exit.PROTOCOL, "the host broke the protocol: " + e.getMessage());
        } catch (IOException e) {
            Exit.now(Exit.IO_ERROR, "cannot read from the host", e);
        } catch (Throwable e) {
            Exit.now(Exit.BROKEN, "the thread that reads from the host ended", e);
        }
    }

    /** Whether this thread is to answer what has come: a request with all of its body, and no other beside it or behind it. */
    private boolean isOwn() {
        if (alone == null || started.isEmpty()) {
            return false;
        }
        Stream first = started.get(0);
        if (!first.whole() || frames.hasMore() || streams.count() > 1) {
            alone.notAlone();
            return false;
        }
        return alone.next(first.arrived);
    }

    /** Answers the request. False when this thread is the reader no longer. */
    private boolean answer() {
        Stream stream = started.get(0);
        started.clear();
        alone.begin();
        stream.run();
        output.flush();
        return alone.end();
    }

    private void accept() throws ProtocolException {
        if (limits == null && frames.type != Frame.HELLO && Frame.known(frames.type)) {
            throw new ProtocolException(Fault.TYPE, "the first frame is no HELLO");
        }
        switch (frames.type) {
            case Frame.HELLO:
                if (limits != null) {
                    throw new ProtocolException(Fault.TYPE, "a second HELLO");
                }
                limits = Hello.decode(frames.payload()).limits(maxPayload);
                break;
            case Frame.PING:
                output.append(Messages.pong(Messages.ping(frames.payload())));
                break;
            case Frame.GOAWAY:
                streams.goAway();
                break;
            case Frame.REQ:
                request();
                break;
            case Frame.DATA:
            case Frame.WINDOW:
            case Frame.CANCEL:
                forward(streams.find(frames.stream));
                break;
            default:
                // A type that a later version defines.
                break;
        }
    }

    private void request() throws ProtocolException {
        Messages.checkRequest(frames.payload());
        Stream stream = new Stream(frames.stream, frames.copyPayload(), frames.end, streams, limits);
        if (streams.open(stream)) {
            started.add(stream);
        } else {
            output.append(Messages.error(frames.stream, Messages.NOT_STARTED, "not started", limits.maxPayload));
        }
    }

    /** Tells a stream what the host says of it. Null: it has ended, and the frame crossed its end on the pipe. */
    private void forward(Stream stream) throws ProtocolException {
        if (frames.type == Frame.WINDOW) {
            long bytes = Messages.window(frames.payload());
            if (stream != null) {
                stream.grant(bytes);
            }
        } else if (frames.type == Frame.CANCEL) {
            Messages.cancel(frames.payload());
            if (stream != null) {
                stream.cancel();
            }
        } else if (stream != null) {
            stream.data(frames.copyPayload(), frames.end);
        }
    }
}
