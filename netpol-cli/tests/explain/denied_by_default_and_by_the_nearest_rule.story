$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from ci/build --to prod/db --port 5432
✗ DENIED  ci/build → prod/db  TCP port 5432

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/db: DENIED, no rule admits ci/build
  NetworkPolicy  2 policies select it, and none allows ci/build
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✗ prod/restrict-traffic  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace team=database, but ci has team=build
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but ci/build is 10.1.0.7
        ✓ ports[0]  TCP port 5432
          manifests/policies.yaml:19  - from:
          manifests/policies.yaml:20    - namespaceSelector: {matchLabels: {team: database}}
          manifests/policies.yaml:21    - ipBlock:
          manifests/policies.yaml:22        cidr: 203.0.113.0/24
          manifests/policies.yaml:23        except: [203.0.113.128/25]
          manifests/policies.yaml:24    ports:
          manifests/policies.yaml:25    - port: 5432
      ingress[1] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod app=web, but ci/build has app=build
        ✓ ports[0]  TCP port named sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What would allow it
  • add pods app=build of namespace ci to ingress[0].from of prod/restrict-traffic
  • set label team=database on namespace ci
exit 1

$ flows explain --manifests manifests/world.yaml manifests/policies.yaml --from prod/web --to prod/db --port 22
✗ DENIED  prod/web → prod/db  TCP port 22

  from  prod/web: pod; labels app=web; labels of namespace prod team=shop; node n2; 10.1.0.6
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of prod/web: DENIED, no rule admits prod/db
  NetworkPolicy  1 policy selects it, and none allows prod/db
    ✗ prod/web  selects pods app=web of namespace prod; no rule matches
      egress[0] does not match
        ✓ to[0]  pods app=db of namespace prod
        ✗ ports[0]  wants TCP port 5432, but it is TCP port 22
        ✗ ports[1]  wants TCP port named metrics, but prod/db has no TCP port named metrics
          manifests/policies.yaml:39  - to: [{podSelector: {matchLabels: {app: db}}}]
          manifests/policies.yaml:40    ports: [{port: 5432}, {port: metrics}]
    - prod/default-deny      says nothing about egress
    - prod/restrict-traffic  does not select it: wants pod app=db, but prod/web has app=web
                             (manifests/policies.yaml:14)

Ingress of prod/db: DENIED, no rule admits prod/web
  NetworkPolicy  2 policies select it, and none allows prod/web
    ✗ prod/default-deny      selects every pod of namespace prod; lists no ingress rule, so it
                             admits nobody
          manifests/policies.yaml:4  spec:
          manifests/policies.yaml:5    podSelector: {}
          manifests/policies.yaml:6    policyTypes: [Ingress]
    ✗ prod/restrict-traffic  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace team=database, but prod has team=shop
        ✗ from[1]  wants address in 203.0.113.0/24 except 203.0.113.128/25, but prod/web is 10.1.0.6
        ✗ ports[0]  wants TCP port 5432, but it is TCP port 22
      ingress[1] does not match
        ✓ from[0]  pods app=web of namespace prod
        ✗ ports[0]  wants TCP port named sql, but it is TCP port 22, and sql is 5432 at prod/db
          manifests/policies.yaml:26  - from:
          manifests/policies.yaml:27    - podSelector: {matchLabels: {app: web}}
          manifests/policies.yaml:28    ports:
          manifests/policies.yaml:29    - port: sql
    - prod/web  does not select it: wants pod app=web, but prod/db has app=db
                (manifests/policies.yaml:35)

What would allow it
  • use TCP port 5432 in place of TCP port 22

Or one of each
  Egress of prod/web
    • add TCP port 22 to egress[0].ports of prod/web
    • give TCP port 22 of prod/db the name metrics
  Ingress of prod/db
    • add TCP port 22 to ingress[1].ports of prod/restrict-traffic
exit 1
