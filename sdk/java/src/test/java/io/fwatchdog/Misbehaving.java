package io.fwatchdog;

import java.io.IOException;
import java.io.OutputStream;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;

/** A function that does what the conformance function has no route for. */
final class Misbehaving {
    /** How many requests have to be in the handler at once for "/meet" to answer. */
    static final int PARTY = 64;
    private static final CountDownLatch MEETING = new CountDownLatch(PARTY);

    private static volatile Request lateRequest;
    private static volatile OutputStream lateBody;

    private Misbehaving() {
    }

    public static void main(String[] arguments) {
        Worker.serve(Misbehaving::handle, new Options().stop(() -> System.out.println("stopped")));
    }

    static Response handle(Request request) throws Exception {
        switch (request.path()) {
            case "/meet":
                MEETING.countDown();
                MEETING.await();
                return Response.of(200).body("met");
            case "/begin":
                request.log(Level.INFO, "began");
                return block();
            case "/block":
                return block();
            case "/wait":
                request.log(Level.INFO, "began");
                while (!request.cancelled()) {
                    LockSupport.park(request);
                }
                return Response.of(200).body("cancelled");
            case "/thread":
                return Response.of(200).body(describe(Thread.currentThread()));
            case "/memory":
                return Response.of(200).body(exhaust());
            case "/memory-in-a-writer":
                return Response.of(200).body((OutputStream out) -> out.write(exhaust()));
            case "/stack":
                return overflow(request);
            case "/null":
                return null;
            case "/late":
                lateRequest = request;
                return Response.of(200).body((OutputStream out) -> lateBody = out);
            case "/after-late":
                return goOnWithTheLateOne();
            case "/leave-a-reader":
                awaitWaiting(leaveBehind(request, () -> request.stream().read()));
                return Response.of(413);
            case "/leave-a-writer":
                return Response.of(200).body((OutputStream out) -> leaveAWriter(request, out));
            case "/untellable":
                throw new Untellable();
            case "/bad-without-a-message":
                throw new Speechless();
            case "/stdin":
                return Response.of(200).body(Integer.toString(System.in.read()));
            case "/retire":
                request.retire("worn out");
                return Response.of(200).body("fine");
            case "/interrupted":
                return Response.of(200).body("interrupted: " + Thread.currentThread().isInterrupted());
            case "/interrupt":
                Thread.currentThread().interrupt();
                return Response.of(200).body("fine");
            default:
                return Response.of(200).body("fine");
        }
    }

    private static Response block() throws InterruptedException {
        Thread.sleep(Long.MAX_VALUE);
        throw new AssertionError("woke up");
    }

    private static String describe(Thread thread) {
        return thread.getName() + " virtual=" + thread.getClass().getName().contains("VirtualThread");
    }

    private static byte[] exhaust() {
        return new byte[Integer.MAX_VALUE - 8];
    }

    private static Response overflow(Request request) {
        return overflow(request);
    }

    /** Fails while another thread writes, once the host has said by the end of the request that the window is used up. */
    private static void leaveAWriter(Request request, OutputStream out) throws IOException {
        Thread writer = leaveBehind(request, () -> {
            out.write(new byte[2 * Host.WINDOW]);
            return null;
        });
        request.body();
        awaitWaiting(writer);
        throw new IllegalStateException("too late");
    }

    /** Starts a thread that the answer does not wait for, and that logs how it ended. */
    private static Thread leaveBehind(Request request, Callable<?> task) {
        Thread thread = new Thread(() -> {
            try {
                task.call();
            } catch (Exception e) {
                request.log(Level.INFO, "left behind: " + e.getMessage());
            }
        });
        thread.start();
        return thread;
    }

    static void awaitWaiting(Thread thread) {
        while (thread.getState() != Thread.State.WAITING) {
            Thread.yield();
        }
    }

    /** Loads its message when asked for it, of a class that is not there. */
    private static final class Untellable extends RuntimeException {
        private static final long serialVersionUID = 1;

        @Override
        public String getMessage() {
            throw new NoClassDefFoundError("Texts");
        }
    }

    private static final class Speechless extends BadRequestException {
        private static final long serialVersionUID = 1;

        Speechless() {
            super("");
        }

        @Override
        public String getMessage() {
            return null;
        }
    }

    /** Goes on with an answer that has long ended. */
    private static Response goOnWithTheLateOne() {
        try {
            lateBody.write('x');
            lateBody.flush();
        } catch (IOException e) {
            lateRequest.log(Level.INFO, "late: " + e.getMessage());
        }
        return Response.of(200).body("fine");
    }
}
