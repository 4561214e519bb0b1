$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/api[Deployment] --to prod/db --port 5432
? UNKNOWN  prod/api[Deployment] → prod/db  TCP port 5432

  from  prod/api[Deployment]: any pod of its template; labels app=api; labels of namespace prod
        team=shop; Deployment api; no address
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/api[Deployment]: ALLOWED, no policy isolates it
  NetworkPolicy  no policy isolates it for egress
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/api[Deployment] has
                             app=api (manifests/policies.yaml:14)
    - prod/web               does not select it: wants pod app=web, but prod/api[Deployment] has
                             app=api (manifests/policies.yaml:35)

Ingress of prod/db: UNKNOWN, it depends on what is not known, or not defined
  NetworkPolicy  cannot be decided
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ? prod/restrict-traffic  selects pods app=db of namespace prod; depends on what is not known
      ingress[0] may match
        ✗ from[0]  wants namespace team=database, but prod has team=shop
        ? from[1]  address in 203.0.113.0/24 except 203.0.113.128/25: its address is not known
        ✓ ports[0]  TCP port 5432
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants pod app=web, but prod/api[Deployment] has app=api
        ✓ ports[0]  TCP port named sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What is not known
  • A pod has no address in the manifests, and rules on address blocks depend on it.
    address-unknown
exit 3

$ flows explain --manifests manifests/world.yaml manifests/replicas.yaml --from prod/shop[StatefulSet] --to prod/db --port 5432
? DIFFERS  prod/shop[StatefulSet] → prod/db  TCP port 5432

✓ ALLOWED  prod/shop-0 (10.1.1.10) → prod/db (10.1.0.5)

  from  prod/shop-0: pod; labels app=shop,role=client; labels of namespace prod team=shop;
        StatefulSet shop; 10.1.1.10
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/shop-0: ALLOWED, no policy isolates it
  NetworkPolicy  no policy isolates it for egress
    - prod/clients  does not select it: wants pod app=db, but prod/shop-0 has app=shop
                    (manifests/replicas.yaml:16)

Ingress of prod/db: ALLOWED, by prod/clients
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/clients  selects pods app=db of namespace prod; allows it by ingress[0] from[0]
      ingress[0] matches and allows
        ✓ from[0]  pods role=client of namespace prod
        ✓ ports lists nothing, so every port matches
          manifests/replicas.yaml:18  - from: [{podSelector: {matchLabels: {role: client}}}]

✗ DENIED  prod/shop-1 (10.1.1.11) → prod/db (10.1.0.5)

  from  prod/shop-1: pod; labels app=shop; labels of namespace prod team=shop; StatefulSet shop;
        10.1.1.11
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/shop-1: ALLOWED, no policy isolates it
  NetworkPolicy  no policy isolates it for egress
    - prod/clients  does not select it: wants pod app=db, but prod/shop-1 has app=shop
                    (manifests/replicas.yaml:16)

Ingress of prod/db: DENIED, no rule admits prod/shop-1
  NetworkPolicy  1 policy selects it, and none allows prod/shop-1
    ✗ prod/clients  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants pod role=client, but prod/shop-1 has no label role
        ✓ ports lists nothing, so every port matches
          manifests/replicas.yaml:18  - from: [{podSelector: {matchLabels: {role: client}}}]

What would allow it
  • add pods app=shop of namespace prod to ingress[0].from of prod/clients
  • set label role=client on pod prod/shop-1

Caveats
  • The pods of the workload, or the backends of the Service, get different answers.
    pods-differ
exit 3

$ flows eval --manifests manifests/world.yaml manifests/replicas.yaml --from prod/shop[StatefulSet] --to prod/db --port 5432
? DIFFERS  prod/shop[StatefulSet] → prod/db  TCP port 5432

✓ ALLOWED  prod/shop-0 (10.1.1.10) → prod/db (10.1.0.5)

Egress of prod/shop-0: ALLOWED, no policy isolates it
Ingress of prod/db: ALLOWED, by prod/clients
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/clients  allows it by ingress[0] from[0]

✗ DENIED  prod/shop-1 (10.1.1.11) → prod/db (10.1.0.5)

Egress of prod/shop-1: ALLOWED, no policy isolates it
Ingress of prod/db: DENIED, no rule admits prod/shop-1
  NetworkPolicy  1 policy selects it, and none allows prod/shop-1
    ✗ prod/clients  ingress[0] from[0] wants pod role=client, but prod/shop-1 has no label role

Caveats
  • The pods of the workload, or the backends of the Service, get different answers.
exit 3
