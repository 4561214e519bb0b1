$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to prod/api[Deployment] --port 9090
✗ DENIED  prod/web → prod/api[Deployment]  TCP port 9090

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/api[Deployment]: any pod of its template; labels app=api; labels of namespace prod
        team=shop; Deployment api; no address

Egress of prod/web: DENIED, no rule admits prod/api[Deployment]
  NetworkPolicy  1 policy selects it, and none allows prod/api[Deployment]
    ✗ prod/web  selects pods app=web of namespace prod; no rule matches
      egress[0] does not match
        ✗ to[0]  wants pod app=db, but prod/api[Deployment] has app=api
        ✗ ports[0]  wants TCP port 5432, but it is TCP port 9090
        ✗ ports[1]  wants TCP port named metrics, but prod/api[Deployment] has no TCP port named
                    metrics
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)

Ingress of prod/api[Deployment]: DENIED, no rule admits prod/web
  NetworkPolicy  1 policy selects it, and none allows prod/web
    ✗ prod/default-deny  selects every pod of namespace prod; lists no ingress rule, so it admits
                         nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/api[Deployment] has
                             app=api (manifests/policies.yaml:14)
    - prod/web               does not select it: wants pod app=web, but prod/api[Deployment] has
                             app=api (manifests/policies.yaml:35)

What would allow it, one of each
  Egress of prod/web
    • add an egress rule to prod/web: to pods app=api of namespace prod, TCP port 9090
  Ingress of prod/api[Deployment]
    • add a NetworkPolicy that isolates prod/api[Deployment] for ingress and allows it from pods
      app=web of namespace prod, TCP port 9090
exit 1

$ flows explain --manifests manifests/world.yaml manifests/named.yaml --from prod/web --to prod/db --port 9090
✗ DENIED  prod/web → prod/db  TCP port 9090

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/web: ALLOWED, no policy isolates it
  NetworkPolicy  no policy isolates it for egress
    - prod/metrics  does not select it: wants pod app=db, but prod/web has app=web
                    (manifests/named.yaml:5)

Ingress of prod/db: DENIED, no rule admits prod/web
  NetworkPolicy  1 policy selects it, and none allows prod/web
    ✗ prod/metrics  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✓ from[0]  every pod of namespace prod
        ✗ ports[0]  wants TCP port named metrics, but prod/db has no TCP port named metrics
          manifests/named.yaml:7  - from: [{podSelector: {}}]
          manifests/named.yaml:8    ports: [{port: metrics}]

What would allow it
  • add TCP port 9090 to ingress[0].ports of prod/metrics
  • give TCP port 9090 of prod/db the name metrics
exit 1
