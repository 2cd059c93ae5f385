<?php
// A token and a call of the server API, without a library.

function throng_token(string $user, int $seconds = 600): string
{
    $part = fn (string $text): string => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
    $body = $part('{"alg":"HS256"}') . '.' . $part(json_encode(['sub' => $user, 'exp' => time() + $seconds], JSON_THROW_ON_ERROR));
    return $body . '.' . $part(hash_hmac('sha256', $body, getenv('THRONG_TOKEN_HMAC_SECRET'), true));
}

function throng_call(string $method, array $parameters): array
{
    $url = (getenv('THRONG') ?: 'http://127.0.0.1:3000') . "/api/$method";
    $context = stream_context_create(['http' => [
        'method' => 'POST',
        'header' => ['X-API-Key: ' . getenv('THRONG_API_KEY'), 'Content-Type: application/json'],
        'content' => json_encode($parameters, JSON_THROW_ON_ERROR),
        'timeout' => 10,
        'ignore_errors' => true, // the body of an error status says why
    ]]);
    $text = file_get_contents($url, false, $context);
    if ($text === false) {
        throw new RuntimeException("throng: $url cannot be reached");
    }
    $reply = json_decode($text, true, 64, JSON_THROW_ON_ERROR);
    if (isset($reply['error'])) {
        throw new RuntimeException("throng: {$reply['error']['code']}: {$reply['error']['message']}");
    }
    return $reply['result'];
}

// php throng.php ROOM TEXT
if (isset($argv[2])) {
    throng_call('publish', ['channel' => $argv[1], 'data' => ['text' => $argv[2]]]);
    echo throng_token('ann'), "\n";
}
