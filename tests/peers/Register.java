// A register on the JDK's own HttpURLConnection, run as one file: `java Register.java`. It signs each line of its input
// (method, path and body, parted by tabs) once, sends it once as far as this program knows, and prints status and body.
// What the JDK does below, such as repeating a POST whose answer was lost, is what the test is about.

import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.UUID;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Register {
    private static final String JSON = "application/json;charset=UTF-8";

    public static void main(String[] arguments) throws Exception {
        String base = System.getenv("REGISTER_URL");
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t", -1);
            System.out.println(ask(base, parts[0], parts[1], parts[2].getBytes(StandardCharsets.UTF_8)));
            System.out.flush();
        }
    }

    private static String ask(String base, String method, String path, byte[] body) throws Exception {
        HttpURLConnection call = (HttpURLConnection) URI.create(base + path).toURL().openConnection();
        call.setRequestMethod(method);
        call.setRequestProperty("Authorization", authorization(method, path, body));
        if (body.length > 0) {
            call.setRequestProperty("Content-Type", JSON);
            call.setDoOutput(true);
            call.getOutputStream().write(body);
        }
        int status = call.getResponseCode();
        try (InputStream answer = status < 400 ? call.getInputStream() : call.getErrorStream()) {
            return status + "\t" + new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String authorization(String method, String path, byte[] body) throws Exception {
        String hash = "empty";
        if (body.length > 0) {
            MessageDigest md5 = MessageDigest.getInstance("MD5");
            md5.update(JSON.getBytes(StandardCharsets.UTF_8));
            hash = Base64.getEncoder().encodeToString(md5.digest(body));
        }
        String nonce = UUID.randomUUID().toString();
        String epoch = String.valueOf(System.currentTimeMillis() / 1000);
        String type = body.length > 0 ? JSON : "empty";
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(System.getenv("REGISTER_SECRET").getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        byte[] proof = mac.doFinal(String.join("\n", path, method, nonce, epoch, type, hash).getBytes(StandardCharsets.UTF_8));
        String key = System.getenv("REGISTER_KEY");
        return "hmac OPA-Auth:" + String.join(":", key, Base64.getEncoder().encodeToString(proof), nonce, epoch, hash);
    }
}
