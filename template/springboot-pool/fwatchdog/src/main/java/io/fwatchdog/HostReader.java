package io.fwatchdog;

import io.fwatchdog.ProtocolException.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/** Reads the host's frames to the end, and waits for nothing but the pipe. */
final class HostReader implements Runnable {
    private final FrameReader frames;
    private final Streams streams;
    private final Output output;
    private final Crew crew;
    private final int maxPayload;
    /** What was agreed on; null until the host has said HELLO. */
    private Limits limits;
    /** The requests found in one read: they are handed over together. */
    private final List<Stream> started = new ArrayList<>();

    HostReader(InputStream in, Streams streams, Crew crew, int maxPayload) {
        this.frames = new FrameReader(in);
        this.streams = streams;
        this.output = streams.output;
        this.crew = crew;
        this.maxPayload = maxPayload;
    }

    @Override
    public void run() {
        try {
            while (frames.fill()) {
                while (frames.next()) {
                    accept();
                }
                crew.start(started);
                started.clear();
                output.flush();
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
