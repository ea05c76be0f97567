#include "app/world/open_store.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "adapters/file_store/file_object_store.h"
#include "adapters/s3/credential_source.h"
#include "adapters/s3/s3_bucket.h"
#include "adapters/s3/s3_object_store.h"
#include "adapters/s3/s3_settings.h"
#include "base/threads/mutex.h"
#include "base/uuid.h"

namespace templar {
namespace {

constexpr const char* kAmazonRegion = "us-east-1";

Variables s3_variables(const std::string& profile) {
  Variables variables;
  for (const std::string_view name : kS3Variables) {
    const char* value = std::getenv(std::string(name).c_str());
    if (value != nullptr) variables.emplace(name, value);
  }
  if (!profile.empty()) {
    variables["AWS_PROFILE"] = profile;
    for (const char* key : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})
      variables.erase(key);
  }
  return variables;
}

// One for each server that this process asks.
std::shared_ptr<RequestGate> gate_of(const S3Endpoint& endpoint) {
  static Mutex mutex;
  // As long as anybody asks it: peers may name another one every day.
  static std::map<std::string, std::weak_ptr<RequestGate>> gates;
  const MutexLock lock(mutex);
  if (auto gate = gates[endpoint.text()].lock()) return gate;
  std::erase_if(gates, [](const auto& gate) { return gate.second.expired(); });
  auto gate = std::make_shared<RequestGate>();
  gates[endpoint.text()] = gate;
  return gate;
}

// All peers' stores together: each with connections of its own, hundreds of peers would take all descriptors.
// One for each rule about addresses, since a connection that is kept is not judged again.
std::shared_ptr<KeptConnections> peer_connections(bool allow_private) {
  static const std::array<std::shared_ptr<KeptConnections>, 2> connections{
      std::make_shared<KeptConnections>(), std::make_shared<KeptConnections>()};
  return connections[allow_private ? 1 : 0];
}

// What the address leaves open, filled in.
Result<S3Address> completed(S3Address address, const S3Settings& settings) {
  if (address.region.empty()) address.region = settings.region.empty() ? kAmazonRegion : settings.region;
  if (!address.endpoint.host.empty()) return address;
  if (settings.endpoint_url.empty()) {
    address.endpoint = {.is_https = true, .host = fmt::format("s3.{}.amazonaws.com", address.region)};
    address.style = BucketStyle::kVirtualHost;
    return address;
  }
  auto endpoint = parse_endpoint(settings.endpoint_url);
  if (!endpoint) return annotate(endpoint.error(), "the endpoint that the environment or its profile names");
  address.endpoint = *std::move(endpoint);
  return address;
}

Result<S3ClientOptions> client_options(const S3Address& given, const StoreAccess& access,
                                       const Clock& clock) {
  if (access.peer_rules) TRY(check_peer_address(given, *access.peer_rules));
  Variables variables = s3_variables(access.profile);
  TRY_ASSIGN(const S3Settings settings, read_s3_settings(variables));
  TRY_ASSIGN(const S3Address address, completed(given, settings));
  S3ClientOptions client;
  client.endpoint = address.endpoint;
  client.region = address.region;
  client.style = address.style;
  client.gate = gate_of(address.endpoint);
  client.retry.most_retries = access.most_retries;
  client.retry.jitter_seed = std::hash<std::string>()(random_uuid());
  client.transfers.ca_file = settings.ca_file;
  client.transfers.proxy = address.endpoint.is_https ? settings.https_proxy : settings.http_proxy;
  client.transfers.no_proxy = settings.no_proxy;
  client.transfers.is_cancelled = access.is_cancelled;
  if (access.peer_rules) {
    client.refusal = ErrorKind::kSkip;
    client.transfers.connections = peer_connections(access.peer_rules->allow_private);
    if (!access.peer_rules->allow_private) client.transfers.refusal = not_public;
  }
  const bool has_own_key = !address.read_key.id.empty();
  if (has_own_key) {
    variables = {{"AWS_ACCESS_KEY_ID", address.read_key.id},
                 {"AWS_SECRET_ACCESS_KEY", address.read_key.secret}};
  }
  if (has_own_key || (!access.peer_rules && !address.is_public && !access.without_keys))
    client.credentials = std::make_shared<CredentialSource>(variables, clock, access.is_cancelled);
  return client;
}

Result<std::unique_ptr<ObjectStore>> open_s3(const S3Address& address, std::string root,
                                             const StoreAccess& access, const Clock& clock) {
  S3StoreOptions options{.root = std::move(root)};
  TRY_ASSIGN(options.client, client_options(address, access, clock));
  return std::make_unique<S3ObjectStore>(std::move(options), clock);
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_store(const StoreAddress& address, const StoreAccess& access,
                                                const Clock& clock) {
  if (const auto* s3 = std::get_if<S3Address>(&address))
    return open_s3(*s3, s3->place().substr(std::string_view("s3://").size()), access, clock);
  const std::string& folder = std::get<FileAddress>(address).folder;
  if (access.peer_rules)
    return skip_error("file:" + folder + ": a folder of this machine is no peer's address");
  return std::make_unique<FileObjectStore>(folder, clock);
}

Result<S3Address> completed_address(const S3Address& address, const std::string& profile) {
  TRY_ASSIGN(const S3Settings settings, read_s3_settings(s3_variables(profile)));
  return completed(address, settings);
}

Status make_store_bucket(const S3Address& address, const StoreAccess& access, bool is_public,
                         const Clock& clock) {
  TRY_ASSIGN(S3ClientOptions options, client_options(address, access, clock));
  const std::string region = options.region;
  S3Client client(std::move(options), clock);
  return make_bucket(client, region, address.bucket, is_public);
}

Result<std::unique_ptr<ObjectStore>> open_s3_service(const S3Address& address, const StoreAccess& access,
                                                     const Clock& clock) {
  return open_s3(address, "", access, clock);
}

}  // namespace templar
