import io.fwatchdog.Response;
import io.fwatchdog.Worker;

/** The function on the JVM. */
public final class Hello {
    private static final byte[] HELLO = {'h', 'e', 'l', 'l', 'o'};

    private Hello() {
    }

    public static void main(String[] args) {
        Worker.serve(request -> Response.of(200).body(HELLO));
    }
}
