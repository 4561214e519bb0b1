$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to prod/db --port 5432
✓ ALLOWED  prod/web → prod/db  TCP port 5432

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/web: ALLOWED, by prod/web
  NetworkPolicy  1 policy selects it, and one that allows is enough
    ✓ prod/web  selects pods app=web of namespace prod; allows it by egress[0] to[0] ports[0]
      egress[0] matches and allows
        ✓ to[0]  pods app=db of namespace prod
        ✓ ports[0]  TCP port 5432
        ✗ ports[1]  wants TCP port named metrics, but prod/db has no TCP port named metrics
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)

Ingress of prod/db: ALLOWED, by prod/restrict-traffic
  NetworkPolicy  2 policies select it, and one that allows is enough
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✓ prod/restrict-traffic  selects pods app=db of namespace prod; allows it by ingress[1] from[0]
                             ports[0]
      ingress[0] does not match
        ✗ from[0]  wants namespace team=database, but prod has team=shop
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but prod/web is 10.1.0.6
        ✓ ports[0]  TCP port 5432
      ingress[1] matches and allows
        ✓ from[0]  pods app=web of namespace prod
        ✓ ports[0]  TCP port named sql
          manifests/policies.yaml:26  - from:
          manifests/policies.yaml:27    - podSelector: {matchLabels: {app: web}}
          manifests/policies.yaml:28    ports:
          manifests/policies.yaml:29    - port: sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)
exit 0
