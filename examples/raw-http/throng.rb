# A token and a call of the server API, with Ruby's own libraries: ruby throng.rb ROOM TEXT
require "json"
require "net/http"
require "openssl"

def throng_token(user, seconds = 600)
  part = ->(text) { [text].pack("m0").tr("+/", "-_").delete("=") }
  body = "#{part.call('{"alg":"HS256"}')}.#{part.call(JSON.generate(sub: user, exp: Time.now.to_i + seconds))}"
  "#{body}.#{part.call(OpenSSL::HMAC.digest('SHA256', ENV.fetch('THRONG_TOKEN_HMAC_SECRET'), body))}"
end

def throng_call(method, parameters)
  url = URI("#{ENV.fetch('THRONG', 'http://127.0.0.1:3000')}/api/#{method}")
  headers = { "X-API-Key" => ENV.fetch("THRONG_API_KEY"), "Content-Type" => "application/json" }
  response = Net::HTTP.start(url.host, url.port, use_ssl: url.scheme == "https", open_timeout: 10, read_timeout: 10) do |http|
    http.post(url.path, JSON.generate(parameters), headers)
  end
  reply = JSON.parse(response.body)
  raise "throng: #{reply['error']['code']}: #{reply['error']['message']}" if reply["error"]
  reply.fetch("result")
end

if ARGV.length == 2
  throng_call("publish", channel: ARGV[0], data: { text: ARGV[1] })
  puts throng_token("ann")
end
