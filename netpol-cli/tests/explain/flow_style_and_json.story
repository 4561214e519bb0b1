$ flows explain --manifests manifests/world.yaml manifests/flow.yaml --from ci/build --to prod/db --port 80
✗ DENIED  ci/build → prod/db  TCP port 80

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/db: DENIED, no rule admits ci/build
  NetworkPolicy  2 policies select it, and none allows ci/build
    ✗ prod/a  selects every pod of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod app=x, but ci/build has app=build
        ✗ from[1]  wants namespace team!=build, but ci has team=build
        ✓ ports lists nothing, so every port matches
          manifests/flow.yaml:4  spec: {podSelector: {}, ingress: [{from: [
          manifests/flow.yaml:5    {podSelector: {matchLabels: {app: x}}},
          manifests/flow.yaml:6    {namespaceSelector: {matchExpressions: [{key: team, operator: NotIn, values: [build]}]}}]}]}},
    ✗ prod/b  selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod app=web, but ci/build has app=build
        ✓ ports[0]  TCP ports 80-90
          manifests/flow.yaml:7  {from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80, endPort: 90}]}

What would allow it
  • add pods app=build of namespace ci to ingress[0].from of prod/a
exit 1

$ flows explain --manifests manifests/world.yaml manifests/list.json --from ci/build --to prod/db --port 5432
✗ DENIED  ci/build → prod/db  TCP port 5432

  from  ci/build: pod; labels app=build; labels of namespace ci team=build; node n2; 10.1.0.7
  to    prod/db: pod; labels app=db; labels of namespace prod team=shop; node n1; 10.1.0.5

Egress of ci/build: ALLOWED, no policy isolates it

Ingress of prod/db: DENIED, no rule admits ci/build
  NetworkPolicy  2 policies select it, and none allows ci/build
    ✗ prod/db        selects pods app=db of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod app=api, but ci/build has app=build
        ✓ ports[0]  TCP port 5432
          manifests/list.json:12  {
          manifests/list.json:13      "from": [{"podSelector": {"matchLabels": {"app": "api"}}}],
          manifests/list.json:14      "ports": [{"port": 5432}]
          manifests/list.json:15  }
    ✗ prod/one-line  selects every pod of namespace prod; no rule matches
      ingress[0] does not match
        ✗ from[0]  wants namespace prod, but ci/build is in ci
          from[0]  wants pod role=probe, but ci/build has no label role
        ✓ ports lists nothing, so every port matches
          manifests/list.json:21  {"from":[{"podSelector":{"matchLabels":{"role":"probe"}}}]}

What would allow it
  • add pods app=build of namespace ci to ingress[0].from of prod/db
exit 1
