/** The function as the classic watchdog runs it: a JVM for each request. */
public final class Classic {
    private Classic() {
    }

    public static void main(String[] args) throws java.io.IOException {
        System.in.transferTo(java.io.OutputStream.nullOutputStream());
        System.out.print("hello");
    }
}
